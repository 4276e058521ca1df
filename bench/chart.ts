/** The chart of the README, drawn from a report: answers a second on one core, a group of bars for each thing asked. */
import { writeFileSync } from "node:fs";
import { type Report, type Row, readReport, short } from "./lib/results.ts";
import { median } from "./lib/stats.ts";

export type Bar = Readonly<{ name: string; value: number; own: boolean }>;
export type Group = Readonly<{ title: string; bars: readonly Bar[] }>;

const WIDTH = 760;
const LABEL = 190;
const VALUE = 80;
const BAR = 18;
const STEP = 24;
const TITLE = 34;
const MARGIN = 16;

/** Only what is counted in answers a second and judged; the subject once in each group, every reference after it. */
export function groupsOf(rows: readonly Row[]): readonly Group[] {
  const groups = new Map<string, Bar[]>();
  for (const row of rows) {
    if (row.figureUnit !== "1/s" || row.target === undefined || row.referenceValues.length === 0) continue;
    const own = { name: row.subject, value: median(row.subjectValues), own: true };
    const bars = groups.get(row.what) ?? [own];
    groups.set(row.what, [...bars, { name: row.reference, value: median(row.referenceValues), own: false }]);
  }
  return [...groups].map(([title, bars]) => ({ title, bars }));
}

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

/** Legible on light and on dark; each group has a scale of its own. */
export function chartOf(groups: readonly Group[], caption: string): string {
  let y = MARGIN;
  const parts: string[] = [];
  for (const { title, bars } of groups) {
    const most = Math.max(...bars.map(({ value }) => value));
    y += TITLE;
    parts.push(`<text class="title" x="${MARGIN}" y="${y - 12}">${escaped(title)}</text>`);
    for (const { name, value, own } of bars) {
      const width = Math.max(1, Math.round(((WIDTH - LABEL - VALUE - 2 * MARGIN) * value) / most));
      const x = MARGIN + LABEL;
      parts.push(
        `<text class="name" x="${x - 8}" y="${y + 13}" text-anchor="end">${escaped(name)}</text>`,
        `<rect class="${own ? "own" : "other"}" x="${x}" y="${y}" width="${width}" height="${BAR}" rx="2"/>`,
        `<text class="value" x="${x + width + 6}" y="${y + 13}">${short(value)}/s</text>`,
      );
      y += STEP;
    }
  }
  y += MARGIN + 8;
  parts.push(`<text class="value" x="${MARGIN}" y="${y}">${escaped(caption)}</text>`);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + MARGIN}" width="${WIDTH}" height="${y + MARGIN}" role="img">`,
    "<style>",
    "text { font: 13px system-ui, sans-serif; fill: #1f2328 }",
    ".title { font-weight: 600 } .value { fill: #59636e }",
    ".own { fill: #0969da } .other { fill: #8c959f }",
    "@media (prefers-color-scheme: dark) {",
    "text { fill: #f0f6fc } .value { fill: #9198a1 } .own { fill: #4493f8 } .other { fill: #656c76 }",
    "}",
    "</style>",
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

const captionOf = ({ machine, rounds, seconds, commit }: Report): string =>
  `Answers a second on one core of ${machine.cpu}; ${rounds} rounds of ${seconds} s, medians, commit ${commit.slice(0, 8)}`;

/** @param from a report, @param to the SVG */
export function writeChart(from: string, to: string): void {
  const report = readReport(from);
  writeFileSync(to, chartOf(groupsOf(report.rows), captionOf(report)));
}
