/** The ledger as its HTTP endpoints show it: snake_case, and amounts as decimal strings. */
import type { Usage } from "./answer/tokens.ts";
import type { JsonRecord } from "./json.ts";
import type { LedgerEntry, SummaryRow } from "./ledger.ts";

const usageJson = (usage: Usage): JsonRecord => ({
  input_tokens: usage.inputTokens,
  cached_input_tokens: usage.cachedInputTokens,
  cache_write_tokens: usage.cacheWriteTokens,
  output_tokens: usage.outputTokens,
  reasoning_tokens: usage.reasoningTokens,
});

/** To the microsecond, which is more than the clock is worth. */
const roundMs = (ms: number): number => Math.round(ms * 1000) / 1000;

export const entryJson = (entry: LedgerEntry): JsonRecord => ({
  sequence: entry.sequence,
  provider: entry.provider,
  model: entry.model,
  model_asked: entry.modelAsked,
  started_at: entry.startedAt.toISOString(),
  started_at_ms: roundMs(entry.startedAtMs),
  ended_at_ms: entry.endedAtMs === undefined ? null : roundMs(entry.endedAtMs),
  end: entry.end,
  stream: entry.stream,
  status: entry.status ?? null,
  fault: entry.fault,
  tokens_sent: entry.tokensSent,
  usage: usageJson(entry.usage),
  usage_reported: entry.usageReported,
  cost_nano_usd: entry.costNanoUsd.toString(),
  price_status: entry.priceStatus,
  request_id: entry.requestId,
});

export const summaryJson = (row: Readonly<SummaryRow>): JsonRecord => ({
  provider: row.provider,
  model: row.model,
  calls: row.calls,
  open: row.open,
  ...usageJson(row.usage),
  cost_nano_usd: row.costNanoUsd.toString(),
  unknown_price: row.unknownPrice,
});
