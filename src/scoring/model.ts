/** A head of the model: a sum of three small models, kept apart by what each request's features speak of. */
import type { Feature } from "./features.ts";
import { GROUPS, type Group } from "./types.ts";

/** Trees of three splits from root to leaf, each stored as a heap: node i has the children 2i + 1 and 2i + 2. */
export const TREE_DEPTH = 3;
export const TREE_NODES = 2 ** (TREE_DEPTH + 1) - 1;

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
  /** By feature, for values that are centred and scaled. */
  linear: Float32Array;
  trees: Trees;
  /** By bucket, in units of `phraseUnit`. */
  phrases: Int8Array;
  phraseUnit: number;
}>;

/** How features are centred and scaled for the linear part. */
export type Scaling = Readonly<{ mean: Float32Array; deviation: Float32Array }>;

/** No single number may say everything: beyond so many deviations from the mean it says no more. */
const FARTHEST = 3;

export const scaled = (value: number, mean: number, deviation: number): number =>
  deviation === 0 ? 0 : Math.max(-FARTHEST, Math.min(FARTHEST, (value - mean) / deviation));

export type Answer = Readonly<{
  value: number;
  /** By index into `GROUPS`; with the intercept they sum to `value`. */
  byGroup: Float64Array;
}>;

const GROUP_INDEX = new Map<Group, number>(GROUPS.map((group, index) => [group, index]));
const WORDING = GROUPS.indexOf("wording");

export function answerOf(
  head: Head,
  { mean, deviation }: Scaling,
  dense: readonly Feature[],
  buckets: Int32Array,
): Answer {
  const byGroup = new Float64Array(GROUPS.length);
  const groups = dense.map(({ group }) => GROUP_INDEX.get(group) ?? 0);
  const add = (group: number, points: number) => {
    byGroup[group] = (byGroup[group] ?? 0) + points;
  };
  for (const [index, { value }] of dense.entries()) {
    const weight = head.linear[index] ?? 0;
    if (weight !== 0)
      add(groups[index] ?? 0, weight * scaled(value, mean[index] ?? 0, deviation[index] ?? 0));
  }
  addTrees(head.trees, dense, groups, add);
  add(WORDING, phrasesOf(head, buckets));
  let value = head.intercept;
  for (const points of byGroup) value += points;
  return { value, byGroup };
}

/** Each split is credited with what it changes in what is expected (Saabas). */
function addTrees(
  { feature, threshold, value }: Trees,
  dense: readonly Feature[],
  groups: readonly number[],
  add: (group: number, points: number) => void,
): void {
  for (let root = 0; root < feature.length; root += TREE_NODES) {
    let node = 0;
    for (let splits = feature[root] ?? LEAF; splits !== LEAF; splits = feature[root + node] ?? LEAF) {
      const goes = Math.fround(dense[splits]?.value ?? 0) > (threshold[root + node] ?? 0) ? 2 : 1;
      const next = 2 * node + goes;
      add(groups[splits] ?? 0, (value[root + next] ?? 0) - (value[root + node] ?? 0));
      node = next;
      if (2 * node + 1 >= TREE_NODES) break;
    }
  }
}

/** Buckets weigh the less the more there are: a long text is not more of everything. */
export function phrasesOf({ phrases, phraseUnit }: Head, buckets: Int32Array): number {
  let sum = 0;
  for (const bucket of buckets) sum += phrases[bucket] ?? 0;
  return (phraseUnit * sum) / Math.sqrt(Math.max(1, buckets.length));
}
