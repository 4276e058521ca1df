import { asCount, asRecord } from "../json.ts";
import type { TokenUsage } from "../provider.ts";

/**
 * Usage in the words of chat completions; undefined when the provider named no totals. `prompt_tokens` includes what was cached, and
 * cached tokens stand in one of two places or, with equal numbers, in both: one is taken, they are never added.
 */
export function chatUsage(value: unknown): TokenUsage | undefined {
  const usage = asRecord(value);
  const inputTokens = asCount(usage?.prompt_tokens);
  const outputTokens = asCount(usage?.completion_tokens);
  if (usage === undefined || inputTokens === undefined || outputTokens === undefined) return undefined;
  const input = asRecord(usage.prompt_tokens_details);
  const cached = asCount(input?.cached_tokens) ?? asCount(usage.cached_tokens) ?? 0;
  const written = asCount(input?.cache_write_tokens) ?? 0;
  const reasoningTokens = asCount(asRecord(usage.completion_tokens_details)?.reasoning_tokens);
  const cachedInputTokens = Math.min(cached, inputTokens);
  return {
    inputTokens,
    cachedInputTokens,
    cacheWriteTokens: Math.min(written, inputTokens - cachedInputTokens),
    outputTokens,
    ...(reasoningTokens !== undefined && { reasoningTokens }),
  };
}

export function sameUsage(one: TokenUsage, other: TokenUsage): boolean {
  return (
    one.inputTokens === other.inputTokens &&
    one.cachedInputTokens === other.cachedInputTokens &&
    one.cacheWriteTokens === other.cacheWriteTokens &&
    one.outputTokens === other.outputTokens &&
    one.reasoningTokens === other.reasoningTokens
  );
}
