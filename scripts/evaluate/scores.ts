/** The scores that are compared, by row: none has seen the outcome of the row it scores. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { NO_TRANSFORM, stepComplexity } from "../../src/routing/complexity.ts";
import { measureChat } from "../../src/routing/measure.ts";
import { PRESETS } from "../../src/routing/presets.ts";
import { calibrationOf } from "../train/calibrate.ts";
import { scoresOutOfPart } from "../train/cross-validate.ts";
import { SETTINGS } from "../train/fit.ts";
import { forecastsCsv } from "../train/forecasts.ts";
import { matrixOf } from "../train/matrix.ts";
import type { Row } from "../train/rows.ts";

/** S of the classic rule, of a chat of no stated kind. */
export const classicScores = (rows: readonly Row[]): number[] =>
  rows.map(({ request }) => {
    const measurements = measureChat({ texts: request.texts, attachmentBytes: 0 });
    return stepComplexity("unspecified", measurements, NO_TRANSFORM, PRESETS.classic).score;
  });

/** What a model of the other folds foretells of each row, as `npm run train -- --forecasts` writes it. */
export function calibratedForecasts(rows: readonly Row[]): string {
  const foretold = scoresOutOfPart(matrixOf(rows), ({ fold }) => fold, SETTINGS);
  const raw = Float64Array.from(foretold, (one) => one.raw);
  return forecastsCsv(rows, foretold, calibrationOf(rows, raw));
}

/**
 * The scores with what an agent's earlier calls taught, of which only the model that was called is known.
 * @param steps as `npm run replay` reads them
 */
export function withHistory(rows: readonly Row[], steps: string, data: string): number[] {
  const folder = mkdtempSync(join(tmpdir(), "evaluate-"));
  try {
    const step = join(folder, "step.csv");
    writeFileSync(step, steps);
    const replay = fileURLToPath(new URL("../replay.ts", import.meta.url));
    execFileSync(process.execPath, [replay, "--data", data, "--step", step, "--out", folder]);
    return scoresOf(readFileSync(join(folder, "chosen.csv"), "utf8"), rows);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export const csvOf = (rows: readonly Row[], scores: readonly number[]): string =>
  `id,score\n${rows.map(({ id }, index) => `${id},${scores[index]?.toFixed(6)}`).join("\n")}\n`;

/** @param csv columns by the first line, of which the first is the id and the second the score @throws Error naming a row it does not score */
export function scoresOf(csv: string, rows: readonly Row[]): number[] {
  const [header = "", ...lines] = csv.trim().split("\n");
  const others = header.split(",").length - 1;
  const byId = new Map(
    lines.map((line): [string, number] => {
      const cells = line.split(",");
      const [score] = cells.splice(cells.length - others);
      return [cells.join(), Number(score)];
    }),
  );
  return rows.map(({ id }) => {
    const score = byId.get(id);
    if (score === undefined || !Number.isFinite(score)) throw new Error(`There is no score for ${id}`);
    return score;
  });
}
