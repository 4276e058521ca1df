import type { DialectAdapter } from "../http-provider.ts";
import type { ProviderConfig } from "../registry.ts";
import { buildHead, keyOptions, type RequestHead, SDK_OPTIONS, withoutVariables } from "../sdk-request.ts";
import { MessagesReader } from "./messages-reader.ts";
import { messagesPayload } from "./messages-request.ts";
import { readMessage } from "./messages-whole.ts";

const NEWEST_VERSION = "2026-10-21";

export function anthropicAdapter(config: ProviderConfig): DialectAdapter {
  const heads = new Map<string, Promise<RequestHead>>();
  return {
    dialect: config.dialect,
    head: ({ anthropicVersion: version = NEWEST_VERSION }) => {
      const known = heads.get(version);
      if (known !== undefined) return known;
      const head = messagesHead(config, version);
      heads.set(version, head);
      return head;
    },
    payload: messagesPayload,
    readWhole: readMessage,
    createReader: (request, failures) => new MessagesReader(request.maxOutputTokens, failures),
  };
}

async function messagesHead(config: ProviderConfig, version: string): Promise<RequestHead> {
  const { Anthropic } = await import("@anthropic-ai/sdk");
  const client = withoutVariables(
    "ANTHROPIC_",
    () =>
      new Anthropic({
        ...SDK_OPTIONS,
        ...keyOptions(config.apiKey),
        baseURL: config.baseUrl,
        openTelemetry: false,
      }),
  );
  return buildHead(config.id, client, "/v1/messages", { "anthropic-version": version });
}
