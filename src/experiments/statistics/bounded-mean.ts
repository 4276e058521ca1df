/** The mean of what lies in [0, 1] (success, quality), with an interval that holds however often it is looked at. */
import type { Interval } from "./interval.ts";

/** Plain JSON of constant size; belongs to the alpha it was begun with. */
export type BoundedMean = Readonly<{
  alpha: number;
  n: number;
  sum: number;
  squares: number;
  bets: number;
  weighted: number;
  spread: number;
}>;

export function newBoundedMean(alpha: number): BoundedMean {
  if (!(alpha > 0 && alpha < 1)) throw new RangeError(`alpha must be in (0, 1), not ${alpha}`);
  return { alpha, n: 0, sum: 0, squares: 0, bets: 0, weighted: 0, spread: 0 };
}

const MOST_BET = 0.5;

/**
 * One more value. The predictable plug-in empirical-Bernstein confidence sequence: theorem 2 and equation (15) of Waudby-Smith & Ramdas, "Estimating
 * means of bounded random variables by betting" (JRSS B 2023).
 * @throws RangeError if the value is outside [0, 1]
 */
export function addBounded(state: BoundedMean, value: number): BoundedMean {
  if (!(value >= 0 && value <= 1)) throw new RangeError(`value must be in [0, 1], not ${value}`);
  const n = state.n + 1;
  const meanBefore = (0.5 + state.sum) / n;
  const varianceBefore = (0.25 + state.squares) / n;
  const bet = Math.min(
    MOST_BET,
    Math.sqrt((2 * Math.log(2 / state.alpha)) / (varianceBefore * n * Math.log(1 + n))),
  );
  const sum = state.sum + value;
  const meanAfter = (0.5 + sum) / (n + 1);
  return {
    alpha: state.alpha,
    n,
    sum,
    squares: state.squares + (value - meanAfter) ** 2,
    bets: state.bets + bet,
    weighted: state.weighted + bet * value,
    spread: state.spread + (value - meanBefore) ** 2 * (-Math.log1p(-bet) - bet),
  };
}

/** The estimate is the plain mean, held inside the interval, whose own centre weighs early values more. */
export function boundedInterval({ alpha, n, sum, bets, weighted, spread }: BoundedMean): Interval {
  if (n === 0) return { estimate: 0.5, lower: 0, upper: 1 };
  const centre = weighted / bets;
  const radius = (Math.log(2 / alpha) + spread) / bets;
  const lower = Math.max(0, centre - radius);
  const upper = Math.min(1, centre + radius);
  return { estimate: Math.min(upper, Math.max(lower, sum / n)), lower, upper };
}
