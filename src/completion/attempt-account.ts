/** What an attempt comes to: its record, and its verdict on the target. */
import type { Amounts } from "../budgets/types.ts";
import { tokenCount } from "../pricing/cost.ts";
import type { CatalogueModel } from "../pricing/types.ts";
import type { PlannedTarget } from "../routing/types.ts";
import type { AttemptKind, AttemptRecord } from "../store/records.ts";
import type { Attempt, AttemptEnd } from "./attempt.ts";
import type { AttemptReport, Pricing } from "./call.ts";
import { bare } from "./execution.ts";
import type { Permit } from "./target-health.ts";
import { type AttemptUsage, usageOfFinished, usageOfUnfinished } from "./usage.ts";

/** What is known when an attempt begins, and stays so: the price is the one of that day and that catalogue. */
export type AttemptStart = Readonly<{
  executionId: string;
  /** From 1. */
  attempt: number;
  kind: AttemptKind;
  target: PlannedTarget;
  model: CatalogueModel | undefined;
  estimatedInputTokens: number;
  startedAt: Date;
}>;

export function attemptRecord(
  start: AttemptStart,
  attempt: Attempt,
  end: AttemptEnd,
  pricing: Pricing,
  nowMs: number,
): AttemptRecord {
  const { usage, source, method } = usageOf(end, attempt, start.estimatedInputTokens);
  const tokens = pricing.billedTokens(usage);
  const day = start.startedAt.toISOString().slice(0, 10);
  const { headersMs, ttftMs } = attempt.clock;
  return {
    executionId: start.executionId,
    attempt: start.attempt,
    kind: start.kind,
    target: bare(start.target),
    tier: start.target.tier,
    outcome: end.kind === "finished" ? "ok" : end.kind === "failed" ? end.failure : end.kind,
    tokens,
    ...(usage.reasoningTokens !== undefined && { reasoningTokens: usage.reasoningTokens }),
    usageSource: source,
    ...(method !== undefined && { usageMethod: method }),
    ...pricing.costOf(start.model, day, tokens),
    cacheSavingNanoUsd: pricing.cacheSavingOf(start.model, day, tokens),
    latencyMs: attempt.clock.latencyMs(nowMs),
    ...(headersMs !== undefined && { headersMs }),
    ...(ttftMs !== undefined && { ttftMs }),
    startedAt: start.startedAt,
  };
}

/** What the budgets are charged for it. */
export function costOf({ costNanoUsd, tokens }: AttemptRecord): Amounts {
  return { nano_usd: costNanoUsd, tokens: BigInt(tokenCount(tokens)) };
}

export function attemptReport(end: AttemptEnd): AttemptReport {
  const finish = "finish" in end ? end.finish : undefined;
  return {
    ...(end.kind === "failed" && { details: end.details }),
    ...(finish !== undefined && { finish }),
    skippedFrames: finish?.skippedFrames ?? 0,
    usageMismatch: finish?.usageMismatch ?? false,
  };
}

/** Only an attempt that ended by the provider's doing says something about it. */
export function giveVerdict(permit: Permit, end: AttemptEnd, latencyMs: number): void {
  if (end.kind === "finished") permit.succeeded(latencyMs);
  else if (end.kind === "failed") permit.failed(end.failure, end.details);
  else if (end.kind === "hedged_out") permit.outpaced(latencyMs);
  else permit.release();
}

function usageOf(end: AttemptEnd, { meter }: Attempt, estimatedInputTokens: number): AttemptUsage {
  const finish = "finish" in end ? end.finish : undefined;
  if (finish !== undefined) return usageOfFinished(finish.usage, meter, estimatedInputTokens);
  return usageOfUnfinished(meter, estimatedInputTokens, end.kind !== "failed");
}
