/**
 * Prints and draws what the scorers are worth: npm run evaluate -- --data <dir> [--scores <csv>] [--out <svg>] [--boot 400]
 * --scores: what the calibrated scorer foretells out of fold, as `npm run train -- --forecasts` writes it; without it that is made anew.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { readRows, readSources } from "../train/rows.ts";
import { gainTable, measureGain } from "./gain.ts";
import { calibratedForecasts, classicScores, csvOf, scoresOf, withHistory } from "./scores.ts";
import { drawSheet } from "./sheet.ts";
import { measureSpeed } from "./speed.ts";
import { measureTiers, tierTable } from "./tiers.ts";

const { values } = parseArgs({
  options: {
    data: { type: "string" },
    scores: { type: "string" },
    out: { type: "string", default: "docs/cost-quality.svg" },
    boot: { type: "string", default: "400" },
  },
});
if (values.data === undefined) throw new Error("Name the data: npm run evaluate -- --data <dir>");
const replicates = Number(values.boot);
if (!(Number.isInteger(replicates) && replicates >= 40))
  throw new Error("--boot must be a whole number from 40");

const rows = readRows(values.data);
const classic = classicScores(rows);
const forecasts =
  values.scores === undefined ? calibratedForecasts(rows) : readFileSync(values.scores, "utf8");
const scorers = {
  classic,
  calibrated: scoresOf(forecasts, rows),
  "classic with history": withHistory(rows, csvOf(rows, classic), values.data),
  "calibrated with history": withHistory(rows, forecasts, values.data),
};
const gain = measureGain(rows, scorers, replicates);
const tiers = measureTiers(rows, readSources(values.data), scorers, replicates);
console.log(`${gainTable(gain)}\n\n${tierTable(tiers)}\n\n${measureSpeed(rows)}`);
writeFileSync(values.out, drawSheet(gain, tiers));
