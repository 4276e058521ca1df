/** What an adapter sends, seen by a server of our own. */
import type { CompletionRequest, Dialect } from "../../src/providers/provider.ts";
import { KEY, providerOf, unwatched } from "./ask.ts";
import { getFixture } from "./fixtures.ts";
import { openTransport, type SeenRequest, startServer } from "./local-server.ts";

const WHOLE: Readonly<Record<Dialect, string>> = {
  openai: "openai/text.json",
  kimi: "kimi/text-cached.json",
  anthropic: "anthropic/text.json",
};

/** What the provider's server received for a request. */
export async function sentBy(
  dialect: Dialect,
  request: CompletionRequest,
  apiKey = KEY,
): Promise<SeenRequest> {
  const server = await startServer((response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(getFixture(WHOLE[dialect]).body);
  });
  const provider = providerOf(dialect, openTransport(), { baseUrl: `${server.url}/base`, apiKey });
  await provider.complete(request, new AbortController().signal, unwatched);
  const [seen] = server.seen;
  if (seen === undefined) throw new Error("the server saw no request");
  return seen;
}
