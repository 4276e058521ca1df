import type { DialectAdapter } from "../http-provider.ts";
import type { ProviderConfig } from "../registry.ts";
import { buildHead, keyOptions, type RequestHead, SDK_OPTIONS, withoutVariables } from "../sdk-request.ts";
import { ChatReader } from "./chat-reader.ts";
import { type ChatVariant, chatPayload } from "./chat-request.ts";
import { readChatCompletion } from "./chat-whole.ts";

/** The adapter of a provider that speaks chat completions. */
export function chatAdapter(config: ProviderConfig, variant: ChatVariant): DialectAdapter {
  let head: Promise<RequestHead> | undefined;
  return {
    dialect: config.dialect,
    head: () => {
      head ??= chatHead(config);
      return head;
    },
    payload: (request, stream) => chatPayload(request, stream, variant),
    readWhole: readChatCompletion,
    createReader: (request, failures) => new ChatReader(request.maxOutputTokens, failures),
  };
}

async function chatHead(config: ProviderConfig): Promise<RequestHead> {
  const { OpenAI } = await import("openai");
  const client = withoutVariables(
    "OPENAI_",
    () =>
      new OpenAI({
        ...SDK_OPTIONS,
        ...keyOptions(config.apiKey),
        baseURL: config.baseUrl,
        organization: null,
        project: null,
      }),
  );
  return buildHead(config.id, client, "/chat/completions");
}
