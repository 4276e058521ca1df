/** Two runs side by side: do they say the same? */
import { type Report, type Row, short } from "./results.ts";
import { median } from "./stats.ts";
import { textTable } from "./table.ts";

/** Runs on one machine agree when the judged figures differ by no more than this share. */
export const AGREEMENT = 0.15;

const keyOf = ({ case: name, what, reference }: Row): string => [name, what, reference].join("\n");

/** @param a judged figure of the one run, @param b of the other; both 0 agree */
export const agree = (a: number, b: number): boolean =>
  a === b || Math.abs(a - b) <= AGREEMENT * Math.max(Math.abs(a), Math.abs(b));

export function compareReports(first: Report, second: Report): string {
  const others = new Map(second.rows.map((row) => [keyOf(row), row]));
  const rows = first.rows.flatMap((row) => {
    const other = others.get(keyOf(row));
    if (other === undefined || row.values.length === 0 || other.values.length === 0) return [];
    const [a, b] = [median(row.values), median(other.values)];
    return [
      [
        ...[row.case, row.what, row.reference || "–", `${short(a)} ${row.unit}`, `${short(b)} ${other.unit}`],
        a === 0 ? "–" : short(b / a),
        agree(a, b) ? "yes" : "NO",
      ],
    ];
  });
  const agreeing = rows.filter((row) => row.at(-1) === "yes").length;
  const head = ["case", "what", "reference", first.commit, second.commit, "second/first", "within 15 %"];
  return `${textTable([head, ...rows])}\n${agreeing} of ${rows.length} agree within ${AGREEMENT * 100} %\n`;
}
