/** What is foretold of rows, as `npm run replay` reads it: a header, then a line for each row. */
import { type RawScore, signsOf } from "../../src/scoring/calibrated.ts";
import { type Calibration, calibratedOf } from "../../src/scoring/calibration.ts";
import { SIGNS } from "../../src/scoring/types.ts";
import type { Row } from "./rows.ts";

export function forecastsCsv(
  rows: readonly Pick<Row, "id">[],
  scores: readonly RawScore[],
  calibration: Calibration,
): string {
  const lines = rows.map(({ id }, index) => {
    const { raw, difficulty, benefit, byGroup } = scores[index] as RawScore;
    const numbers = [calibratedOf(raw, calibration), difficulty, benefit, ...signsOf(byGroup)];
    return [id, ...numbers.map((value) => value.toFixed(6))].join();
  });
  const signs = SIGNS.map((_, index) => `sign${index + 1}`);
  return `${["id", "score", "difficulty", "benefit", ...signs].join()}\n${lines.join("\n")}\n`;
}
