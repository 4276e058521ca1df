/** How well scores say where a strong model helps. The same definition as the evaluator's, which has the last word. */
import type { Row } from "./rows.ts";

/**
 * The area under the share of the strong model's gain that is kept, over the share of prompts that get it, highest
 * scores first. 0.5: as chance does. Rows that score the same are taken in at the same time.
 */
export function apgr(scores: ArrayLike<number>, gains: ArrayLike<number>): number {
  const order = Array.from(scores, (_, index) => index).sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0));
  let gained = 0;
  let area = 0;
  for (let from = 0; from < order.length; ) {
    let to = from;
    let gain = 0;
    for (; to < order.length && scores[order[to] ?? 0] === scores[order[from] ?? 0]; to++) {
      gain += gains[order[to] ?? 0] ?? 0;
    }
    area += (to - from) * (gained + gain / 2);
    gained += gain;
    from = to;
  }
  return area / order.length / gained;
}

export type BySource = Readonly<Record<string, number>>;

/** APGR of each source, and its unweighted mean over them. */
export function apgrBySource(rows: readonly Row[], scores: ArrayLike<number>) {
  const bySource: Record<string, number> = {};
  for (const source of sourcesOf(rows)) {
    const own = rows.flatMap((row, index) => (row.source === source ? [index] : []));
    const gains = own.map((index) => (rows[index]?.strong ?? 0) - (rows[index]?.weak ?? 0));
    bySource[source] = apgr(
      own.map((index) => scores[index] ?? 0),
      gains,
    );
  }
  const all = Object.values(bySource);
  return { macro: all.reduce((sum, value) => sum + value, 0) / all.length, bySource };
}

export const sourcesOf = (rows: readonly Row[]): string[] => [...new Set(rows.map(({ source }) => source))];
