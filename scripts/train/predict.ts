/** What fitted heads say of rows, out of a matrix whose features are already there. */
import { type Head, LEAF, phrasesOf, type Scaling, scaled, TREE_NODES } from "../../src/scoring/model.ts";
import type { Fitted } from "./fit.ts";
import type { Matrix } from "./matrix.ts";

/** Raw outputs before calibration, as `rawScore` gives them one by one. */
export const rawOf = (matrix: Matrix, fitted: Fitted, row: number, difficultyShare: number): number =>
  partOf(matrix, fitted.benefit, fitted.scaling, row) +
  difficultyShare * partOf(matrix, fitted.difficulty, fitted.scaling, row);

/** By which a row differs from a usual one. */
export function partOf({ columns, buckets }: Matrix, head: Head, scaling: Scaling, row: number): number {
  const { mean, deviation } = scaling;
  let sum = phrasesOf(head, buckets[row] as Int32Array);
  for (let index = 0; index < columns.length; index++) {
    const value = columns[index]?.[row] ?? 0;
    sum += (head.linear[index] ?? 0) * scaled(value, mean[index] ?? 0, deviation[index] ?? 0);
  }
  const { feature, threshold, value } = head.trees;
  for (let root = 0; root < feature.length; root += TREE_NODES) {
    let node = 0;
    for (let splits = feature[root] ?? LEAF; splits !== LEAF; splits = feature[root + node] ?? LEAF) {
      node = 2 * node + ((columns[splits]?.[row] ?? 0) > (threshold[root + node] ?? 0) ? 2 : 1);
      if (2 * node + 1 >= TREE_NODES) break;
    }
    sum += (value[root + node] ?? 0) - (value[root] ?? 0);
  }
  return sum;
}
