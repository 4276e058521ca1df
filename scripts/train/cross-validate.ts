/** Scores of rows by models that have not seen them. */
import { type RawScore, rawScore } from "../../src/scoring/calibrated.ts";
import type { Features } from "../../src/scoring/features.ts";
import { fitModel, type Settings } from "./fit.ts";
import type { Matrix } from "./matrix.ts";
import type { Row } from "./rows.ts";

/** By row: what a model says of it that was trained on all rows for which `partOf` says something else. */
export function scoresOutOfPart(
  matrix: Matrix,
  partOf: (row: Row) => string | number,
  settings: Settings,
): readonly RawScore[] {
  const scores: RawScore[] = [];
  for (const part of new Set(matrix.rows.map(partOf))) {
    const indices = Int32Array.from(matrix.rows.keys());
    const fitted = fitModel(
      matrix,
      indices.filter((index) => partOf(matrix.rows[index] as Row) !== part),
      settings,
    );
    for (const index of indices) {
      if (partOf(matrix.rows[index] as Row) === part) {
        scores[index] = rawScore(matrix.features[index] as Features, fitted);
      }
    }
  }
  return scores;
}

/** Of these the raw output alone. */
export const outOfPart = (...of: Parameters<typeof scoresOutOfPart>): Float64Array =>
  Float64Array.from(scoresOutOfPart(...of), ({ raw }) => raw);
