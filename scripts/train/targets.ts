/** What is learned: how a row differs from its source, and how much each row counts. */
import type { Row } from "./rows.ts";

/**
 * Each value less a share of its source's mean among the rows learned from. Sources differ both in what they ask and in which
 * two models were compared on them; only the first is a request's own, and nobody knows how much of the difference it is.
 */
export function centredBySource(
  rows: readonly Row[],
  own: Int32Array,
  of: (row: Row) => number,
  share: number,
): Float64Array {
  const sums = new Map<string, { sum: number; count: number }>();
  for (const index of own) {
    const row = rows[index] as Row;
    const { sum, count } = sums.get(row.source) ?? { sum: 0, count: 0 };
    sums.set(row.source, { sum: sum + of(row), count: count + 1 });
  }
  return Float64Array.from(rows, (row) => {
    const { sum, count } = sums.get(row.source) ?? { sum: 0, count: 1 };
    return of(row) - (share * sum) / count;
  });
}

/** By row, summing to their number: a source counts as the square root of its rows, so that none drowns the others. */
export function balancedWeights(rows: readonly Row[], own: Int32Array): Float64Array {
  const counts = new Map<string, number>();
  for (const index of own) {
    const { source } = rows[index] as Row;
    counts.set(source, (counts.get(source) ?? 0) + 1);
  }
  const weights = new Float64Array(rows.length);
  let sum = 0;
  for (const index of own) {
    weights[index] = 1 / Math.sqrt(counts.get((rows[index] as Row).source) ?? 1);
    sum += weights[index] ?? 0;
  }
  return weights.map((weight) => (weight * own.length) / sum);
}

/** The mean over sources of each one's mean. */
export function meanOverSources(rows: readonly Row[], own: Int32Array, of: (row: Row) => number): number {
  const sums = new Map<string, { sum: number; count: number }>();
  for (const index of own) {
    const row = rows[index] as Row;
    const { sum, count } = sums.get(row.source) ?? { sum: 0, count: 0 };
    sums.set(row.source, { sum: sum + of(row), count: count + 1 });
  }
  let mean = 0;
  for (const { sum, count } of sums.values()) mean += sum / count / sums.size;
  return mean;
}
