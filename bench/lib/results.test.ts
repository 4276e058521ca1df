import { expect, it } from "vitest";
import { agree, compareReports } from "./compare.ts";
import {
  differenceRow,
  figureRow,
  isMet,
  type Report,
  type Row,
  ratioRow,
  short,
  tableRows,
} from "./results.ts";
import { textTable } from "./table.ts";

const parts = {
  case: "route",
  what: "Route",
  subject: "Modeltier",
  reference: "floor",
  figureUnit: "1/s",
  subjectValues: [80, 90, 70],
  referenceValues: [100, 100, 100],
};

it("judges by the ratio, the difference, or the figure of each round", () => {
  expect(ratioRow(parts).values).toEqual([0.8, 0.9, 0.7]);
  expect(differenceRow(parts).values).toEqual([-20, -10, -30]);
  expect(figureRow(parts).values).toEqual([80, 90, 70]);
});

it("meets a target with the median, in the target's direction, its limit included", () => {
  expect(isMet(ratioRow({ ...parts, target: { atLeast: 0.8 } }))).toBe(true);
  expect(isMet(ratioRow({ ...parts, target: { atLeast: 0.81 } }))).toBe(false);
  expect(isMet(ratioRow({ ...parts, target: { atMost: 0.8 } }))).toBe(true);
  expect(isMet(ratioRow({ ...parts, target: { atMost: 0.79 } }))).toBe(false);
  expect(isMet(ratioRow(parts))).toBeUndefined();
});

it("does not call a target met that nothing was measured for", () => {
  expect(isMet(ratioRow({ ...parts, subjectValues: [], target: { atMost: 1 } }))).toBeUndefined();
});

it("shows a row with its median, spread, verdict and both figures", () => {
  const [, cells] = tableRows([ratioRow({ ...parts, target: { atLeast: 0.9 }, serverBusy: 0.987 })]);
  expect(cells).toEqual([
    ...["route", "Route", "Modeltier", "floor", "0.8 x", "0.7 to 0.9", ">= 0.9", "NO"],
    ...["80 1/s", "100 1/s", "99 %"],
  ]);
});

it("rounds to what can be told apart", () => {
  expect([short(1234.56), short(12.345), short(0.0012345), short(Number.NaN)]).toEqual([
    "1235",
    "12.3",
    "0.00123",
    "–",
  ]);
});

it("lines columns up and leaves no blanks at the end", () => {
  expect(
    textTable([
      ["a", "long"],
      ["longer", "b"],
    ]),
  ).toBe("a       long\nlonger  b\n");
});

const report = (rows: readonly Row[], commit: string) => ({ rows, commit }) as unknown as Report;

it("compares the rows that both reports have", () => {
  const first = report([ratioRow(parts), ratioRow({ ...parts, what: "only here" })], "aaa");
  const second = report([ratioRow({ ...parts, subjectValues: [40, 40, 40] })], "bbb");
  const text = compareReports(first, second);
  expect(text).toMatch(/route +Route +floor +0\.8 x +0\.4 x +0\.5 +NO/);
  expect(text).not.toContain("only here");
  expect(text).toContain("0 of 1 agree");
});

it("lets two runs agree within 15 % of the larger", () => {
  expect([agree(100, 86), agree(86, 100), agree(100, 84), agree(0, 0), agree(0, 1)]).toEqual([
    true,
    true,
    false,
    true,
    false,
  ]);
});
