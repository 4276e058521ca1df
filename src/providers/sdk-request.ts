/** What the official SDKs do for a request: its address and its headers, key included. */
import { ProviderError } from "./provider-error.ts";

/** The part of either SDK's client that builds a request and sends nothing. */
export type RequestBuilder = Readonly<{
  buildRequest(options: {
    method: "post";
    path: string;
    body: object;
    headers: Record<string, string>;
  }): Promise<{ req: { headers: Headers }; url: string }>;
}>;

/** All of a request but its body; the same for every call to one endpoint. */
export type RequestHead = Readonly<{ url: URL; headers: readonly string[] }>;

/** No error body, log line or trace of the SDKs', and no retry: these are the engine's business. */
export const SDK_OPTIONS = { maxRetries: 0, logLevel: "off" } as const;

/**
 * Both SDKs insist on a key. An empty one (a local server needs none) is replaced here and its header left out.
 */
export function keyOptions(apiKey: string): { apiKey: string; defaultHeaders?: { authorization: null } } {
  return apiKey === "" ? { apiKey: "none", defaultHeaders: { authorization: null } } : { apiKey };
}

/**
 * Runs `build` while the process has no variable that begins with the prefix. The SDKs read the environment when a client is
 * made (custom headers, organisation, base URL), some of it whatever the options say, and would send it to whichever provider the
 * client is for. Synchronous, so nothing else sees the variables gone.
 */
export function withoutVariables<Client>(prefix: string, build: () => Client): Client {
  const hidden = Object.entries(process.env).filter(([name]) => name.startsWith(prefix));
  for (const [name] of hidden) delete process.env[name];
  try {
    return build();
  } finally {
    for (const [name, value] of hidden) process.env[name] = value;
  }
}

/** Builds the head of a request to `path`. Rejects with ProviderError `unauthenticated`: only the configuration can be wrong. */
export async function buildHead(
  provider: string,
  client: RequestBuilder,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<RequestHead> {
  try {
    const { req, url } = await client.buildRequest({
      method: "post",
      path,
      body: {},
      headers: { ...headers, "accept-encoding": "identity" },
    });
    return { url: new URL(url), headers: [...req.headers].flat() };
  } catch {
    // The cause quotes the key when it is the key that no header can carry.
    const explanation = "the configured key or base URL cannot be used";
    throw new ProviderError(provider, "unauthenticated", { explanation });
  }
}
