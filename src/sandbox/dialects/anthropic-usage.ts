/** Usage as Anthropic tells it. */
import type { Usage } from "../answer/tokens.ts";
import type { JsonRecord } from "../json.ts";
import type { Rendering } from "./voice.ts";

/** Cached and written tokens are no part of `input_tokens`. */
export const inputJson = (usage: Usage): JsonRecord => ({
  input_tokens: usage.inputTokens - usage.cachedInputTokens - usage.cacheWriteTokens,
  cache_creation_input_tokens: usage.cacheWriteTokens,
  cache_read_input_tokens: usage.cachedInputTokens,
});

export function outputJson(usage: Usage, { ask }: Rendering): JsonRecord {
  const thinking = { output_tokens_details: { thinking_tokens: usage.reasoningTokens } };
  return { output_tokens: usage.outputTokens, ...(ask.reasoning === "none" ? {} : thinking) };
}

export const creationJson = ({ prompt }: Rendering, usage: Usage): JsonRecord => ({
  ephemeral_5m_input_tokens: prompt.writtenFor === "5m" ? usage.cacheWriteTokens : 0,
  ephemeral_1h_input_tokens: prompt.writtenFor === "1h" ? usage.cacheWriteTokens : 0,
});

export const wholeUsage = (usage: Usage, rendering: Rendering): JsonRecord => ({
  ...inputJson(usage),
  cache_creation: creationJson(rendering, usage),
  ...outputJson(usage, rendering),
  service_tier: "standard",
  inference_geo: "not_available",
});

export const usageField = (rendering: Rendering, usage: () => JsonRecord): JsonRecord => {
  if (rendering.usageStyle === "absent") return {};
  return { usage: rendering.usageStyle === "null" ? null : usage() };
};
