/** The columns that executions and attempts share. */
import type { AttemptRecord, ExecutionRecord } from "./records.ts";

type Used = Pick<
  ExecutionRecord & AttemptRecord,
  | "tokens"
  | "reasoningTokens"
  | "usageSource"
  | "costNanoUsd"
  | "priceStatus"
  | "cacheSavingNanoUsd"
  | "latencyMs"
  | "ttftMs"
>;

export const usageRow = (used: Used) => ({
  fresh_input_tokens: used.tokens.freshInputTokens,
  cached_input_tokens: used.tokens.cachedInputTokens,
  cache_write_tokens: used.tokens.cacheWriteTokens,
  output_tokens: used.tokens.outputTokens,
  reasoning_tokens: used.reasoningTokens,
  usage_source: used.usageSource,
  cost_nano_usd: used.costNanoUsd.toString(),
  price_status: used.priceStatus,
  cache_saving_nano_usd: used.cacheSavingNanoUsd.toString(),
  latency_ms: used.latencyMs,
  ttft_ms: used.ttftMs,
});

export const USAGE_COLUMNS = {
  fresh_input_tokens: "integer",
  cached_input_tokens: "integer",
  cache_write_tokens: "integer",
  output_tokens: "integer",
  reasoning_tokens: "integer",
  usage_source: "text",
  cost_nano_usd: "bigint",
  price_status: "text",
  cache_saving_nano_usd: "bigint",
  latency_ms: "double precision",
  ttft_ms: "double precision",
  created_at: "timestamptz",
} as const;
