/** What a call was and cost: in headers, and as `modeltier` beside the usage. */

import type { OpenAI } from "openai";
import type { CompletedEvent } from "../../completion/events.ts";
import type { PriceStatus, UsageSource } from "../../store/records.ts";
import type { Known } from "./progress.ts";

/** Amounts are text, as int64 is in the contract's JSON. */
export type Report = Readonly<{
  execution_id: string;
  tier: string;
  provider: string;
  model: string;
  /** All calls of providers that were made for the answer. */
  attempts: number;
  /** Of all attempts together; absent when a price is unknown. */
  cost_nano_usd?: string;
  cache_saving_nano_usd?: string;
  price_status: PriceStatus;
  usage_source: UsageSource;
  /** This service's own share of the time. */
  overhead_ms: number;
}>;

export function reportOf({ executionId, decision, served }: Known, completed: CompletedEvent): Report {
  const { attempts, costNanoUsd, cacheSavingNanoUsd, priceStatus, usageSource, overheadMs } = completed;
  return {
    execution_id: executionId,
    tier: decision.tier,
    provider: served.provider,
    model: served.model,
    attempts: attempts.length,
    ...(priceStatus === "KNOWN" && {
      cost_nano_usd: String(costNanoUsd),
      cache_saving_nano_usd: String(cacheSavingNanoUsd),
    }),
    price_status: priceStatus,
    usage_source: usageSource,
    overhead_ms: inMs(overheadMs),
  };
}

/** Of the attempt that served the answer, the last one; what the others used is in the cost. */
export function usageOf({ attempts, tokens, reasoningTokens }: CompletedEvent): OpenAI.CompletionUsage {
  const served = attempts.at(-1) ?? { tokens, reasoningTokens };
  const { freshInputTokens, cachedInputTokens, cacheWriteTokens, outputTokens } = served.tokens;
  const inputTokens = freshInputTokens + cachedInputTokens + cacheWriteTokens;
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    prompt_tokens_details: { cached_tokens: cachedInputTokens, cache_write_tokens: cacheWriteTokens },
    ...(served.reasoningTokens !== undefined && {
      completion_tokens_details: { reasoning_tokens: served.reasoningTokens },
    }),
  };
}

/** @param ignored fields of the request that made no difference */
export function headersOf(known: Known, ignored: readonly string[]): Record<string, string> {
  const { executionId, decision, served, attempts, completed } = known;
  const planned = decision.targets.find(
    ({ provider, model }) => provider === served.provider && model === served.model,
  );
  const dropped = [...(planned?.dropped.map(({ name }) => name) ?? []), ...ignored];
  return {
    "x-request-id": executionId,
    "x-modeltier-execution-id": executionId,
    "x-modeltier-tier": decision.tier,
    "x-modeltier-provider": headerText(served.provider),
    "x-modeltier-model": headerText(served.model),
    "x-modeltier-attempts": String(completed?.attempts.length ?? attempts),
    ...(dropped.length > 0 && { "x-modeltier-dropped": dropped.join(", ") }),
    ...(completed !== undefined && endHeaders(completed)),
  };
}

/** What headers left too early to say: how many attempts, cost, own overhead. Their names, for the header that announces them. */
export const TRAILERS = "x-modeltier-attempts, x-modeltier-cost-nano-usd, x-modeltier-overhead-ms";

/** Of a stream that has ended, and whose headers are sent. */
export const trailersOf = ({ attempts, completed }: Known): Record<string, string> => ({
  "x-modeltier-attempts": String(completed?.attempts.length ?? attempts),
  ...(completed !== undefined && endHeaders(completed)),
});

const endHeaders = ({ costNanoUsd, priceStatus, overheadMs }: CompletedEvent): Record<string, string> => ({
  ...(priceStatus === "KNOWN" && { "x-modeltier-cost-nano-usd": String(costNanoUsd) }),
  "x-modeltier-overhead-ms": String(inMs(overheadMs)),
});

/** To the microsecond, as far as a clock is to be believed. */
const inMs = (milliseconds: number): number => Math.round(milliseconds * 1000) / 1000;

/** A model's name may hold what a header cannot. */
const headerText = (text: string): string =>
  text.toWellFormed().replaceAll(/[^\x21-\x7e]/gu, (character) => encodeURIComponent(character));
