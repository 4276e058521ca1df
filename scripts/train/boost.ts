/** Gradient-boosted trees of squared error on binned features: shallow, shrunk, each on a share of the rows and features. */
import { LEAF, TREE_DEPTH, TREE_NODES, type Trees } from "../../src/scoring/model.ts";
import { randomOf } from "./random.ts";

export type BoostSettings = Readonly<{
  trees: number;
  rate: number;
  /** Of rows and of features that each tree sees. */
  rowShare: number;
  featureShare: number;
  /** Rows that each leaf must have, by weight. */
  leastInLeaf: number;
  /** Added to a leaf's weight: pulls it towards 0. */
  penalty: number;
  seed: number;
}>;

export type Binned = Readonly<{ bins: readonly Uint8Array[]; edges: readonly Float32Array[] }>;
const MOST_BINS = 48;

/** Values below or at the first edge are in bin 0, and so on. Edges lie at equal shares of the rows. */
export function binned(columns: readonly Float32Array[]): Binned {
  const edges = columns.map((column) => {
    const sorted = Float32Array.from(column).sort();
    const found: number[] = [];
    for (let bin = 1; bin < MOST_BINS; bin++) {
      const edge = sorted[Math.floor((bin * sorted.length) / MOST_BINS)] ?? 0;
      if (edge < (sorted.at(-1) ?? 0) && edge !== found.at(-1)) found.push(edge);
    }
    return Float32Array.from(found);
  });
  const bins = columns.map((column, index) =>
    Uint8Array.from(column, (value) => binOf(value, edges[index] as Float32Array)),
  );
  return { bins, edges };
}

function binOf(value: number, edges: Float32Array): number {
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value > (edges[middle] ?? 0)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** @param rows of the matrix to learn from. @param targets and weights by row of the matrix */
export function boost(
  { bins, edges }: Binned,
  rows: Int32Array,
  targets: Float64Array,
  weights: Float64Array,
  settings: BoostSettings,
): Trees {
  const random = randomOf(settings.seed);
  const left = Float64Array.from(targets);
  const all = {
    feature: new Uint8Array(settings.trees * TREE_NODES).fill(LEAF),
    threshold: new Float32Array(settings.trees * TREE_NODES),
    value: new Float32Array(settings.trees * TREE_NODES),
  };
  const usable = edges.flatMap((own, index) => (own.length > 0 ? [index] : []));
  for (let tree = 0; tree < settings.trees; tree++) {
    const seen = rows.filter(() => random() < settings.rowShare);
    const features = usable.filter(() => random() < settings.featureShare);
    grow(tree * TREE_NODES, 0, 0, seen, features);
    for (const row of rows) left[row] = (left[row] ?? 0) - treeValue(tree * TREE_NODES, row);
  }
  return all;

  function treeValue(root: number, row: number): number {
    let node = 0;
    for (let depth = 0; depth < TREE_DEPTH; depth++) {
      const feature = all.feature[root + node] ?? LEAF;
      if (feature === LEAF) break;
      const value = edges[feature]?.[0] === undefined ? 0 : (bins[feature]?.[row] ?? 0);
      node = 2 * node + (value > cutOf(feature, all.threshold[root + node] ?? 0) ? 2 : 1);
    }
    return all.value[root + node] ?? 0;
  }

  function cutOf(feature: number, threshold: number): number {
    return binOf(threshold, edges[feature] as Float32Array);
  }

  function grow(root: number, node: number, depth: number, seen: Int32Array, features: readonly number[]) {
    let sum = 0;
    let weight = 0;
    for (const row of seen) {
      sum += (weights[row] ?? 0) * (left[row] ?? 0);
      weight += weights[row] ?? 0;
    }
    // A node's value is that of its rows; the root's counts as nothing, so that a split is all that moves a score.
    all.value[root + node] = (settings.rate * sum) / (weight + settings.penalty);
    if (depth === TREE_DEPTH) return;
    const split = bestSplit(seen, features, sum, weight);
    if (split === undefined) return;
    const { feature, bin } = split;
    all.feature[root + node] = feature;
    all.threshold[root + node] = edges[feature]?.[bin] ?? 0;
    const column = bins[feature] as Uint8Array;
    const below = seen.filter((row) => (column[row] ?? 0) <= bin);
    const above = seen.filter((row) => (column[row] ?? 0) > bin);
    grow(root, 2 * node + 1, depth + 1, below, features);
    grow(root, 2 * node + 2, depth + 1, above, features);
  }

  function bestSplit(seen: Int32Array, features: readonly number[], sum: number, weight: number) {
    const { leastInLeaf, penalty } = settings;
    let best: { feature: number; bin: number; gain: number } | undefined;
    const sums = new Float64Array(MOST_BINS);
    const counts = new Float64Array(MOST_BINS);
    for (const feature of features) {
      const column = bins[feature] as Uint8Array;
      sums.fill(0);
      counts.fill(0);
      for (const row of seen) {
        const bin = column[row] ?? 0;
        const w = weights[row] ?? 0;
        sums[bin] = (sums[bin] ?? 0) + w * (left[row] ?? 0);
        counts[bin] = (counts[bin] ?? 0) + w;
      }
      let belowSum = 0;
      let below = 0;
      for (let bin = 0; bin < (edges[feature]?.length ?? 0); bin++) {
        belowSum += sums[bin] ?? 0;
        below += counts[bin] ?? 0;
        if (below < leastInLeaf) continue;
        if (weight - below < leastInLeaf) break;
        const aboveSum = sum - belowSum;
        const gain = belowSum ** 2 / (below + penalty) + aboveSum ** 2 / (weight - below + penalty);
        if (gain > (best?.gain ?? sum ** 2 / (weight + penalty))) best = { feature, bin, gain };
      }
    }
    return best;
  }
}
