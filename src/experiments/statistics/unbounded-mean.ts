/** The mean of what has no upper bound worth using (cost, latency), with an interval that holds at all times in the limit. */
import type { Interval } from "./interval.ts";

/** Plain JSON of constant size: count, mean and sum of squared deviations (Welford). */
export type UnboundedMean = Readonly<{ n: number; mean: number; squares: number }>;
export const NO_VALUES: UnboundedMean = { n: 0, mean: 0, squares: 0 };

/** Fewer values give no interval: what holds in the limit is no promise about a handful of heavy-tailed numbers. */
export const LEAST_VALUES = 100;
/** Where the interval is made to be tightest. */
const TIGHTEST_AT = 1_000;

/** @throws RangeError if the value is not finite */
export function addUnbounded({ n, mean, squares }: UnboundedMean, value: number): UnboundedMean {
  if (!Number.isFinite(value)) throw new RangeError(`value must be a finite number, not ${value}`);
  const away = value - mean;
  const next = mean + away / (n + 1);
  return { n: n + 1, mean: next, squares: squares + away * (value - next) };
}

/**
 * The asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas, "Time-uniform central limit theory and asymptotic
 * confidence sequences" (arXiv 2103.06476, theorem 2.2): needs little more than a finite variance, and no bound.
 */
export function unboundedInterval({ n, mean, squares }: UnboundedMean, alpha: number): Interval {
  if (n < LEAST_VALUES) {
    return { estimate: mean, lower: Number.NEGATIVE_INFINITY, upper: Number.POSITIVE_INFINITY };
  }
  const variance = squares / (n - 1);
  const perValue = rhoSquared(alpha);
  const scaled = n * perValue + 1;
  const radius = Math.sqrt(
    ((variance * 2 * scaled) / (n * n * perValue)) * Math.log(Math.sqrt(scaled) / alpha),
  );
  return { estimate: mean, lower: mean - radius, upper: mean + radius };
}

/** Their appendix B.2: the approximately best ρ² for `TIGHTEST_AT` values. */
const rhoSquared = (alpha: number): number =>
  (-2 * Math.log(alpha) + Math.log(-2 * Math.log(alpha)) + 1) / TIGHTEST_AT;
