/** Sums of executions, hour by hour, and what they come to over a span of time. */
import { HOUR_MS, type Window } from "./calendar.ts";

export type Totals = Readonly<{
  executions: bigint;
  /** Failed, or out of the caller's time. */
  errors: bigint;
  /** Executions for which another target was asked after one had failed. */
  fallbacks: bigint;
  costNanoUsd: bigint;
  /** May be negative. */
  cacheSavingNanoUsd: bigint;
  /** Executions whose cost is not known, or not in full. */
  unpricedExecutions: bigint;
}>;
export type HourTotals = Readonly<{ hour: Date; totals: Totals }>;
export type PeriodTotals = Readonly<{ period: Window; totals: Totals }>;

export const NOTHING: Totals = {
  executions: 0n,
  errors: 0n,
  fallbacks: 0n,
  costNanoUsd: 0n,
  cacheSavingNanoUsd: 0n,
  unpricedExecutions: 0n,
};

export const plus = (a: Totals, b: Totals): Totals => ({
  executions: a.executions + b.executions,
  errors: a.errors + b.errors,
  fallbacks: a.fallbacks + b.fallbacks,
  costNanoUsd: a.costNanoUsd + b.costNanoUsd,
  cacheSavingNanoUsd: a.cacheSavingNanoUsd + b.cacheSavingNanoUsd,
  unpricedExecutions: a.unpricedExecutions + b.unpricedExecutions,
});

export const minus = (a: Totals, b: Totals): Totals => plus(a, scaled(b, -1n, 1n));

/**
 * What a period comes to. An hour of which only a part belongs to it counts by that part, each figure rounded towards 0.
 * @param period starts with an hour
 */
export function totalsIn(period: Window, hours: readonly HourTotals[]): PeriodTotals {
  const totals = hours
    .map(({ hour, totals: all }) => scaled(all, BigInt(msIn(period, hour)), BigInt(HOUR_MS)))
    .reduce(plus, NOTHING);
  return { period, totals };
}

/** How much of an hour is in a period, in whole ms. */
function msIn({ from, to }: Window, hour: Date): number {
  const start = Math.max(from.getTime(), hour.getTime());
  const end = Math.min(to.getTime(), hour.getTime() + HOUR_MS);
  return Math.max(0, end - start);
}

function scaled(totals: Totals, numerator: bigint, denominator: bigint): Totals {
  const scale = (amount: bigint): bigint => (amount * numerator) / denominator;
  return {
    executions: scale(totals.executions),
    errors: scale(totals.errors),
    fallbacks: scale(totals.fallbacks),
    costNanoUsd: scale(totals.costNanoUsd),
    cacheSavingNanoUsd: scale(totals.cacheSavingNanoUsd),
    unpricedExecutions: scale(totals.unpricedExecutions),
  };
}
