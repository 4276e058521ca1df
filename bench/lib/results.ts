/** What a run gives: rows of comparisons, each with every round. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describeMachine, type Machine } from "./machine.ts";
import { ROOT } from "./processes.ts";
import { median, spread } from "./stats.ts";

export type Target = Readonly<{ atLeast: number } | { atMost: number }>;

/** One thing that was measured, round by round. */
export type Row = Readonly<{
  case: string;
  what: string;
  subject: string;
  /** What it is compared with; "" where the figure stands alone. */
  reference: string;
  /** Of subject and reference by themselves: "1/s", "ms". */
  figureUnit: string;
  subjectValues: readonly number[];
  referenceValues: readonly number[];
  /** What is judged, one per round: a ratio, a difference, or the subject's own value. */
  values: readonly number[];
  /** Of `values`: "x" is subject over reference. */
  unit: string;
  target?: Target;
  /** Share of one core that the subject's server had while it was measured; near 1: it was the bottleneck. */
  serverBusy?: number;
  note?: string;
}>;

export type Skipped = Readonly<{ case: string; what: string; why: string }>;

export type Report = Readonly<{
  machine: Machine;
  /** Server and load each had a core to themselves. */
  pinned: boolean;
  versions: Readonly<Record<string, string>>;
  commit: string;
  commandLine: readonly string[];
  startedAt: string;
  seconds: number;
  rounds: number;
  rows: readonly Row[];
  skipped: readonly Skipped[];
}>;

type RowParts = Omit<Row, "values" | "unit" | "referenceValues"> & Partial<Pick<Row, "referenceValues">>;

/** Judged by subject over reference, round by round. */
export const ratioRow = (parts: RowParts & Pick<Row, "referenceValues">): Row => ({
  ...parts,
  unit: "x",
  values: pairs(parts, (subject, reference) => subject / reference),
});

/** Judged by subject minus reference, round by round, in the figures' own unit. */
export const differenceRow = (parts: RowParts & Pick<Row, "referenceValues">): Row => ({
  ...parts,
  unit: parts.figureUnit,
  values: pairs(parts, (subject, reference) => subject - reference),
});

/** Judged by the subject's own figure. */
export const figureRow = (parts: Omit<RowParts, "reference">): Row => ({
  ...parts,
  reference: "",
  referenceValues: [],
  unit: parts.figureUnit,
  values: parts.subjectValues,
});

const pairs = (
  { subjectValues, referenceValues }: Pick<Row, "subjectValues" | "referenceValues">,
  judge: (subject: number, reference: number) => number,
): readonly number[] =>
  subjectValues.flatMap((subject, round) => {
    const reference = referenceValues[round];
    return reference === undefined ? [] : [judge(subject, reference)];
  });

/** Undefined: there is no target, or nothing was measured. */
export function isMet({ target, values }: Row): boolean | undefined {
  if (target === undefined || values.length === 0) return undefined;
  const value = median(values);
  return "atLeast" in target ? value >= target.atLeast : value <= target.atMost;
}

const HEAD = [
  "case",
  "what",
  "subject",
  "reference",
  "median",
  "spread",
  "target",
  "met",
  "subject's",
  "reference's",
  "server busy",
];

export const tableRows = (rows: readonly Row[]): readonly (readonly string[])[] => [HEAD, ...rows.map(cells)];

function cells(row: Row): readonly string[] {
  const { subjectValues, referenceValues, values, unit, figureUnit, target, serverBusy } = row;
  const met = isMet(row);
  const [low, high] = values.length === 0 ? [Number.NaN, Number.NaN] : spread(values);
  return [
    row.case,
    row.note === undefined ? row.what : `${row.what} (${row.note})`,
    row.subject,
    row.reference || "–",
    values.length === 0 ? "–" : `${short(median(values))} ${unit}`,
    `${short(low)} to ${short(high)}`,
    target === undefined ? "–" : "atLeast" in target ? `>= ${target.atLeast}` : `<= ${target.atMost}`,
    met === undefined ? "–" : met ? "yes" : "NO",
    subjectValues.length === 0 ? "–" : `${short(median(subjectValues))} ${figureUnit}`,
    referenceValues.length === 0 ? "–" : `${short(median(referenceValues))} ${figureUnit}`,
    serverBusy === undefined ? "–" : `${Math.round(serverBusy * 100)} %`,
  ];
}

/** Three significant digits, and whole numbers above a hundred. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return "–";
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

export const reportWith = (
  parts: Omit<Report, "machine" | "versions" | "commit" | "commandLine"> & Pick<Report, "versions">,
): Report => ({
  machine: describeMachine(),
  commit: commitOf(),
  // The first two are the paths of Node and of the bench.
  commandLine: process.argv.slice(2),
  ...parts,
});

/** With "+" where the working tree differs from it. */
function commitOf(): string {
  const git = (...args: string[]) => execFileSync("git", args, { cwd: ROOT, encoding: "utf8" }).trim();
  try {
    return `${git("rev-parse", "--short=12", "HEAD")}${git("status", "--porcelain") === "" ? "" : "+"}`;
  } catch {
    return "unknown";
  }
}

export function writeReport(file: string, report: Report): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(report, undefined, 2)}\n`);
}

/** @throws Error when the file is no report of the bench */
export function readReport(file: string): Report {
  const report: Partial<Report> = JSON.parse(readFileSync(file, "utf8"));
  if (!Array.isArray(report.rows)) throw new Error(`${file} is not a report of this bench`);
  return report as Report;
}

/** Of a package in the product's own node_modules, or in a peer's. */
export function packageVersion(name: string, folder = join(ROOT, "node_modules")): string {
  const file = join(folder, name, "package.json");
  if (!existsSync(file)) return "absent";
  const { version }: { version: string } = JSON.parse(readFileSync(file, "utf8"));
  return version;
}
