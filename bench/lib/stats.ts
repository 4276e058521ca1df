/** The little statistics that the bench needs; pure. */

/** @throws RangeError for no values */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("the median of nothing");
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}

/**
 * The value that a share of the others does not exceed, by nearest rank.
 * @param share in (0, 1]: 0.99 is p99
 * @throws RangeError for no values
 */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new RangeError("a percentile of nothing");
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] as number;
}

/** Smallest and largest. @throws RangeError for no values */
export function spread(values: readonly number[]): readonly [number, number] {
  if (values.length === 0) throw new RangeError("the spread of nothing");
  return [Math.min(...values), Math.max(...values)];
}

/**
 * By how much y grows with each x, by least squares.
 * @param points at least two, with different x
 * @throws RangeError when no line goes through them
 */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / points.length;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / points.length;
  const across = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  if (!(across > 0)) throw new RangeError("a slope needs two points with different x");
  return points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / across;
}
