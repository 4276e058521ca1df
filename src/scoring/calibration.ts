/** From the model's raw output to a score: by the share of traffic below it, so that 3.0 and 6.5 mean something. */

export type Calibration = Readonly<{
  /** Raw outputs in rising order that 1 %, 2 %, … 99 % of the traffic they were taken from lie below. */
  quantiles: readonly number[];
  /** The share of that traffic that scores below 3.0, and below 6.5. 0 < toFast < toBalanced < 1. */
  toFast: number;
  toBalanced: number;
}>;

export const FAST_BELOW = 3;
export const POWERFUL_ABOVE = 6.5;

/** @returns a score in (0, 10), rising with the raw output and never the same for two that differ by much */
export function calibratedOf(raw: number, { quantiles, toFast, toBalanced }: Calibration): number {
  const share = shareBelow(raw, quantiles);
  if (share < toFast) return (FAST_BELOW * share) / toFast;
  if (share < toBalanced) {
    return FAST_BELOW + ((POWERFUL_ABOVE - FAST_BELOW) * (share - toFast)) / (toBalanced - toFast);
  }
  return POWERFUL_ABOVE + ((10 - POWERFUL_ABOVE) * (share - toBalanced)) / (1 - toBalanced);
}

/** The share of traffic below, in (0, 1): between quantiles on a line, outside them ever closer to the end. */
export function shareBelow(raw: number, quantiles: readonly number[]): number {
  const last = quantiles.length - 1;
  const lowest = quantiles[0] ?? 0;
  const highest = quantiles[last] ?? 0;
  const step = 1 / (quantiles.length + 1);
  const tail = Math.max(1e-9, (highest - lowest) / 10);
  if (raw < lowest) return step * Math.exp((raw - lowest) / tail);
  if (raw >= highest) return 1 - step * Math.exp((highest - raw) / tail);
  let low = 0;
  let high = last;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((quantiles[middle] ?? 0) <= raw) low = middle;
    else high = middle;
  }
  const from = quantiles[low] ?? 0;
  const to = quantiles[high] ?? 0;
  return step * (low + 1 + (to > from ? (raw - from) / (to - from) : 0));
}
