/** How models do, from the sums of their attempts. */
import { type ModelTarget, targetKey } from "../routing/types.ts";
import { shareOf } from "./distribution.ts";
import { type Bucket, type Percentiles, percentilesOf } from "./percentiles.ts";

const SUMS = [
  "calls",
  "fallbacks",
  "hedges",
  "callsWithInput",
  "cacheHits",
  "unpricedCalls",
  "freshInputTokens",
  "cachedInputTokens",
  "cacheWriteTokens",
  "outputTokens",
  "costNanoUsd",
  "cacheSavingNanoUsd",
] as const;
type Sums = Readonly<Record<(typeof SUMS)[number], bigint>>;

export type OutcomeSums = ModelTarget & Sums & Readonly<{ outcome: string }>;
/** `latency` of attempts that answered in full, `first_token` of all that began to. */
export type LatencyBucket = ModelTarget & Bucket & Readonly<{ measure: "latency" | "first_token" }>;

export type OutcomeCount = Readonly<{ outcome: string; calls: bigint }>;

export type ModelPerformance = Sums &
  Readonly<{
    target: ModelTarget;
    succeeded: bigint;
    /** By the provider's doing. */
    failed: bigint;
    /** Of those that ended by the provider's doing; absent: none did. */
    successRate?: number;
    /** The most frequent first. */
    outcomes: readonly OutcomeCount[];
    latency: Percentiles;
    firstToken: Percentiles;
    hedgedOut: bigint;
    fallbackRate: number;
    /** By calls that used input. */
    cacheHitRate: number;
    /** By input tokens. */
    cachedTokenShare: number;
  }>;

/** Neither success nor the provider's failing. */
const NEITHER: ReadonlySet<string> = new Set(["cancelled", "deadline_exceeded", "diverged", "hedged_out"]);

/** By provider and model, the most called first. */
export function performanceOf(
  outcomes: readonly OutcomeSums[],
  latencies: readonly LatencyBucket[],
): readonly ModelPerformance[] {
  const ofTarget = Map.groupBy(outcomes, targetKey);
  const durations = Map.groupBy(latencies, targetKey);
  return [...ofTarget]
    .map(([key, rows]) => modelPerformance(rows, durations.get(key) ?? []))
    .sort((a, b) => Number(b.calls - a.calls) || (targetKey(a.target) < targetKey(b.target) ? -1 : 1));
}

function modelPerformance(
  rows: readonly OutcomeSums[],
  latencies: readonly LatencyBucket[],
): ModelPerformance {
  const sums = Object.fromEntries(
    SUMS.map((name) => [name, rows.reduce((sum, row) => sum + row[name], 0n)]),
  ) as Sums;
  const { provider = "", model = "" } = rows[0] ?? {};
  const callsThatEnded = (holds: (outcome: string) => boolean): bigint =>
    rows.reduce((sum, { outcome, calls }) => (holds(outcome) ? sum + calls : sum), 0n);
  const succeeded = callsThatEnded((outcome) => outcome === "ok");
  const failed = callsThatEnded((outcome) => outcome !== "ok" && !NEITHER.has(outcome));
  const input = sums.freshInputTokens + sums.cachedInputTokens + sums.cacheWriteTokens;
  return {
    ...sums,
    target: { provider, model },
    succeeded,
    failed,
    ...(succeeded + failed > 0n && { successRate: shareOf(succeeded, succeeded + failed) }),
    outcomes: rows
      .map(({ outcome, calls }) => ({ outcome, calls }))
      .sort((a, b) => Number(b.calls - a.calls) || (a.outcome < b.outcome ? -1 : 1)),
    latency: percentilesOf(latencies.filter(({ measure }) => measure === "latency")),
    firstToken: percentilesOf(latencies.filter(({ measure }) => measure === "first_token")),
    hedgedOut: callsThatEnded((outcome) => outcome === "hedged_out"),
    fallbackRate: shareOf(sums.fallbacks, sums.calls),
    cacheHitRate: shareOf(sums.cacheHits, sums.callsWithInput),
    cachedTokenShare: shareOf(sums.cachedInputTokens, input),
  };
}

/** The same for whole providers: one entry each, under the name of no model. */
export const providerPerformanceOf = (
  outcomes: readonly OutcomeSums[],
  latencies: readonly LatencyBucket[],
): readonly ModelPerformance[] =>
  performanceOf(
    outcomes.map((row) => ({ ...row, model: "" })),
    latencies.map((row) => ({ ...row, model: "" })),
  );
