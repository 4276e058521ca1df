/** Cost over time: steps and series, from what was summed of them. */
import type { Window } from "./calendar.ts";

export const COST_GROUPINGS = ["all", "provider", "model", "tier", "agent"] as const;
/** What a series is of. */
export type CostGrouping = (typeof COST_GROUPINGS)[number];

type Sums = Readonly<{
  /** Of providers. */
  calls: bigint;
  executions: bigint;
  costNanoUsd: bigint;
  cacheSavingNanoUsd: bigint;
  unpricedCalls: bigint;
}>;

/** The sums of one step of one series. */
export type CostStep = Sums &
  Readonly<{
    /** The step's place among those of the window, from 0. */
    step: number;
    /** A provider, "provider/model", a tier or an agent; null: all that were not told apart. */
    key: string | null;
  }>;

export type CostPoint = Sums & Readonly<{ start: Date }>;
export type CostSeries = Readonly<{ key: string | null; points: readonly CostPoint[]; total: CostPoint }>;
export type CostTrend = Readonly<{ window: Window; series: readonly CostSeries[]; total: CostPoint }>;

const NOTHING: Sums = {
  calls: 0n,
  executions: 0n,
  costNanoUsd: 0n,
  cacheSavingNanoUsd: 0n,
  unpricedCalls: 0n,
};

/**
 * @param starts of the steps, in order; not empty
 * @param keys of the series, in the order to give them; what has none of them comes last, if there is any
 */
export function costTrendOf(
  window: Window,
  starts: readonly Date[],
  keys: readonly string[],
  steps: readonly CostStep[],
): CostTrend {
  const ofKey = Map.groupBy(steps, ({ key }) => key);
  const others = ofKey.has(null) ? [null] : [];
  const series = [...keys, ...others].map((key) => seriesOf(window, key, starts, ofKey.get(key) ?? []));
  return { window, series, total: { start: window.from, ...sumOf(steps) } };
}

function seriesOf(
  window: Window,
  key: string | null,
  starts: readonly Date[],
  steps: readonly CostStep[],
): CostSeries {
  const byStep = Map.groupBy(steps, ({ step }) => step);
  const points = starts.map((start, index) => ({ start, ...sumOf(byStep.get(index) ?? []) }));
  return { key, points, total: { start: window.from, ...sumOf(steps) } };
}

const sumOf = (steps: readonly Sums[]): Sums =>
  steps.reduce(
    (sum, step) => ({
      calls: sum.calls + step.calls,
      executions: sum.executions + step.executions,
      costNanoUsd: sum.costNanoUsd + step.costNanoUsd,
      cacheSavingNanoUsd: sum.cacheSavingNanoUsd + step.cacheSavingNanoUsd,
      unpricedCalls: sum.unpricedCalls + step.unpricedCalls,
    }),
    NOTHING,
  );
