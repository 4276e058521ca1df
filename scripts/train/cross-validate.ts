/** Scores of rows by models that have not seen them. */
import { rawScore } from "../../src/scoring/calibrated.ts";
import type { Features } from "../../src/scoring/features.ts";
import { fitModel, type Settings } from "./fit.ts";
import type { Matrix } from "./matrix.ts";
import type { Row } from "./rows.ts";

/** By row: the raw output of a model of all rows for which `partOf` says something else. */
export function outOfPart(
  matrix: Matrix,
  partOf: (row: Row) => string | number,
  settings: Settings,
): Float64Array {
  const raw = new Float64Array(matrix.rows.length);
  for (const part of new Set(matrix.rows.map(partOf))) {
    const indices = Int32Array.from(matrix.rows.keys());
    const fitted = fitModel(
      matrix,
      indices.filter((index) => partOf(matrix.rows[index] as Row) !== part),
      settings,
    );
    for (const index of indices) {
      if (partOf(matrix.rows[index] as Row) === part) {
        raw[index] = rawScore(matrix.features[index] as Features, fitted).raw;
      }
    }
  }
  return raw;
}
