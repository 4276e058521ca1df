/** The scores that are compared, by row: none has seen the outcome of the row it scores. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { NO_TRANSFORM, stepComplexity } from "../../src/routing/complexity.ts";
import { measureChat } from "../../src/routing/measure.ts";
import { PRESETS } from "../../src/routing/presets.ts";
import { calibratedOf } from "../../src/scoring/calibration.ts";
import { calibrationOf } from "../train/calibrate.ts";
import { outOfPart } from "../train/cross-validate.ts";
import { SETTINGS } from "../train/fit.ts";
import { matrixOf } from "../train/matrix.ts";
import type { Row } from "../train/rows.ts";

/** S of the classic rule, of a chat of no stated kind. */
export const classicScores = (rows: readonly Row[]): number[] =>
  rows.map(({ request }) => {
    const measurements = measureChat({ texts: request.texts, attachmentBytes: 0 });
    return stepComplexity("unspecified", measurements, NO_TRANSFORM, PRESETS.classic).score;
  });

/** Each row's score by a model of the other folds. */
export function calibratedScores(rows: readonly Row[]): number[] {
  const raw = outOfPart(matrixOf(rows), ({ fold }) => fold, SETTINGS);
  const calibration = calibrationOf(rows, raw);
  return Array.from(raw, (value) => calibratedOf(value, calibration));
}

/** The same with what an agent's earlier calls taught, of which only the model that was called is known. */
export function withHistory(rows: readonly Row[], scores: readonly number[], data: string): number[] {
  const folder = mkdtempSync(join(tmpdir(), "evaluate-"));
  try {
    const step = join(folder, "step.csv");
    writeFileSync(step, csvOf(rows, scores));
    const replay = fileURLToPath(new URL("../replay.ts", import.meta.url));
    execFileSync(process.execPath, [replay, "--data", data, "--step", step, "--out", folder]);
    return readScores(join(folder, "chosen.csv"), rows);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export const csvOf = (rows: readonly Row[], scores: readonly number[]): string =>
  `id,score\n${rows.map(({ id }, index) => `${id},${scores[index]?.toFixed(6)}`).join("\n")}\n`;

/** @throws Error naming a row that the file does not score */
export function readScores(file: string, rows: readonly Row[]): number[] {
  const byId = new Map(
    readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .map((line): [string, number] => {
        const comma = line.lastIndexOf(",");
        return [line.slice(0, comma), Number(line.slice(comma + 1))];
      }),
  );
  return rows.map(({ id }) => {
    const score = byId.get(id);
    if (score === undefined || !Number.isFinite(score)) throw new Error(`${file} has no score for ${id}`);
    return score;
  });
}
