/** What is foretold of rows, as `npm run replay` reads it: a header, then a line for each row. */
import type { RawScore } from "../../src/scoring/calibrated.ts";
import { type Calibration, calibratedOf } from "../../src/scoring/calibration.ts";
import type { Row } from "./rows.ts";

export function forecastsCsv(
  rows: readonly Pick<Row, "id">[],
  scores: readonly RawScore[],
  calibration: Calibration,
): string {
  const lines = rows.map(({ id }, index) => {
    const { raw, difficulty, benefit } = scores[index] as RawScore;
    return [id, ...[calibratedOf(raw, calibration), difficulty, benefit].map((value) => value.toFixed(6))].join();
  });
  return `id,score,difficulty,benefit\n${lines.join("\n")}\n`;
}
