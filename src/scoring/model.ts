/**
 * A head of the model, in two parts. The familiar part (trees and phrases) knows the workloads it was trained on; the general
 * part is a line of signs that point the same way across workloads. How much each counts depends on the request.
 */
import { FEATURES } from "./features.ts";
import { GROUPS } from "./types.ts";

/** Trees of three splits from root to leaf, each stored as a heap: node i has the children 2i + 1 and 2i + 2. */
export const TREE_DEPTH = 3;
export const TREE_NODES = 2 ** (TREE_DEPTH + 1) - 1;
/** Nodes from here on have no children. */
const LAST_ROW = 2 ** TREE_DEPTH - 1;

export type Trees = Readonly<{
  /** By node: the feature it splits on; 255: it is a leaf. */
  feature: Uint8Array;
  /** By node: values above it go to the second child. */
  threshold: Float32Array;
  /** By node: what is expected of the rows that reach it; that of the last one reached is the tree's. */
  value: Float32Array;
}>;
export const LEAF = 255;

export type Head = Readonly<{
  /** Of a usual request. */
  intercept: number;
  /** The general part, by feature, for values that are centred and scaled. */
  linear: Float32Array;
  trees: Trees;
  /** By bucket, in units of `phraseUnit`. */
  phrases: Int8Array;
  phraseUnit: number;
}>;

/** How features are centred and scaled for the general part. */
export type Scaling = Readonly<{ mean: Float32Array; deviation: Float32Array }>;

/** No single number may say everything: beyond so many deviations from the mean it says no more. */
const FARTHEST = 3;

export const scaled = (value: number, mean: number, deviation: number): number =>
  deviation === 0 ? 0 : Math.max(-FARTHEST, Math.min(FARTHEST, (value - mean) / deviation));

const GROUP_OF = FEATURES.map(({ group }) => GROUPS.indexOf(group));
const WORDING = GROUPS.indexOf("wording");

/**
 * By how much a request differs from a usual one, by index into `GROUPS`.
 * @param familiarity the familiar part's share, in [0, 1]
 */
export function differenceOf(
  head: Head,
  scaling: Scaling,
  familiarity: number,
  values: Float64Array,
  buckets: Int32Array,
): Float64Array {
  const byGroup = new Float64Array(GROUPS.length);
  addLine(byGroup, head.linear, scaling, 1 - familiarity, values);
  if (familiarity > 0) {
    addTrees(byGroup, head.trees, familiarity, values);
    byGroup[WORDING] = (byGroup[WORDING] ?? 0) + familiarity * phrasesOf(head, buckets);
  }
  return byGroup;
}

function addLine(
  byGroup: Float64Array,
  linear: Float32Array,
  { mean, deviation }: Scaling,
  share: number,
  values: Float64Array,
): void {
  for (let index = 0; index < linear.length; index++) {
    const weight = linear[index] ?? 0;
    if (weight === 0) continue;
    const group = GROUP_OF[index] ?? WORDING;
    const points = share * weight * scaled(values[index] ?? 0, mean[index] ?? 0, deviation[index] ?? 0);
    byGroup[group] = (byGroup[group] ?? 0) + points;
  }
}

/** Each split is credited with what it changes in what is expected (Saabas). */
function addTrees(
  byGroup: Float64Array,
  { feature, threshold, value }: Trees,
  share: number,
  values: Float64Array,
): void {
  for (let root = 0; root < feature.length; root += TREE_NODES) {
    let node = 0;
    for (let splits = feature[root] ?? LEAF; splits !== LEAF; splits = feature[root + node] ?? LEAF) {
      const next = 2 * node + (Math.fround(values[splits] ?? 0) > (threshold[root + node] ?? 0) ? 2 : 1);
      const group = GROUP_OF[splits] ?? WORDING;
      const points = (value[root + next] ?? 0) - (value[root + node] ?? 0);
      byGroup[group] = (byGroup[group] ?? 0) + share * points;
      node = next;
      if (node >= LAST_ROW) break;
    }
  }
}

/** Buckets weigh the less the more there are: a long text is not more of everything. */
function phrasesOf({ phrases, phraseUnit }: Head, buckets: Int32Array): number {
  let sum = 0;
  for (let index = 0; index < buckets.length; index++) sum += phrases[buckets[index] ?? 0] ?? 0;
  return (phraseUnit * sum) / Math.sqrt(Math.max(1, buckets.length));
}
