/**
 * Prints and draws what the scorers are worth: npm run evaluate -- --data <dir> [--scores <csv>] [--out <svg>] [--boot 400]
 * --scores: out-of-fold scores of the calibrated scorer as `npm run train` writes them; without it they are made anew.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { readRows, readSources } from "../train/rows.ts";
import { gainTable, measureGain } from "./gain.ts";
import { calibratedScores, classicScores, readScores, withHistory } from "./scores.ts";
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
const calibrated = values.scores === undefined ? calibratedScores(rows) : readScores(values.scores, rows);
const scorers = {
  classic,
  calibrated,
  "classic with history": withHistory(rows, classic, values.data),
  "calibrated with history": withHistory(rows, calibrated, values.data),
};
const gain = measureGain(rows, scorers, replicates);
const tiers = measureTiers(rows, readSources(values.data), scorers, replicates);
console.log(`${gainTable(gain)}\n\n${tierTable(tiers)}\n\n${measureSpeed(rows)}`);
writeFileSync(values.out, drawSheet(gain, tiers));
