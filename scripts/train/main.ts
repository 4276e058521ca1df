/**
 * Trains the calibrated scorer and says how good it is: npm run train -- --data <dir> [--out <dir>] [--scores <csv>] [--forecasts <csv>]
 * Writes weights.model and MODEL_CARD.md to src/scoring; out-of-fold scores of every row (id,score) go where --scores says, with
 * all else that is foretold of the row where --forecasts says: what `npm run replay` takes as steps.
 * The same data always gives the same bytes.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { calibratedOf } from "../../src/scoring/calibration.ts";
import { FEATURES } from "../../src/scoring/features.ts";
import { readWeights, storeWeights } from "../../src/scoring/weights.ts";
import { apgrBySource } from "./apgr.ts";
import { calibrationOf } from "./calibrate.ts";
import { cardOf } from "./card.ts";
import { outOfPart, scoresOutOfPart } from "./cross-validate.ts";
import { fitModel, SETTINGS } from "./fit.ts";
import { forecastsCsv } from "./forecasts.ts";
import { matrixOf } from "./matrix.ts";
import { readRows, readSources } from "./rows.ts";

const { values } = parseArgs({
  options: {
    data: { type: "string" },
    out: { type: "string", default: "src/scoring" },
    scores: { type: "string" },
    forecasts: { type: "string" },
  },
});
if (values.data === undefined) throw new Error("Name the data: npm run train -- --data <dir>");

const matrix = matrixOf(readRows(values.data));
const foretold = scoresOutOfPart(matrix, ({ fold }) => fold, SETTINGS);
const crossValidated = Float64Array.from(foretold, ({ raw }) => raw);
report("cross-validated", crossValidated);
const calibration = calibrationOf(matrix.rows, crossValidated);
if (values.scores !== undefined) {
  const lines = matrix.rows.map(
    ({ id }, index) => `${id},${calibratedOf(crossValidated[index] ?? 0, calibration).toFixed(6)}`,
  );
  writeFileSync(values.scores, `id,score\n${lines.join("\n")}\n`);
}
if (values.forecasts !== undefined) {
  writeFileSync(values.forecasts, forecastsCsv(matrix.rows, foretold, calibration));
}
const otherSources = outOfPart(matrix, ({ source }) => source, SETTINGS);
report("source left out", otherSources);
const model = fitModel(matrix, Int32Array.from(matrix.rows.keys()), SETTINGS);
const text = storeWeights({ features: FEATURES.map(({ name }) => name), ...model, calibration });
writeFileSync(join(values.out, "weights.model"), text);
const { version } = readWeights(text);
const measurements = { crossValidated, otherSources, calibration, version };
writeFileSync(join(values.out, "MODEL_CARD.md"), cardOf(matrix.rows, readSources(values.data), measurements));

function report(how: string, raw: Float64Array): void {
  const { macro, bySource } = apgrBySource(matrix.rows, raw);
  const each = Object.entries(bySource).map(([source, apgr]) => `${source} ${apgr.toFixed(3)}`);
  console.log(`${how}: macro APGR ${macro.toFixed(4)}; ${each.join(", ")}`);
}
