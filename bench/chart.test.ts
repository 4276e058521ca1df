import { expect, it } from "vitest";
import { chartOf, groupsOf } from "./chart.ts";
import { figureRow, ratioRow } from "./lib/results.ts";

const parts = (what: string, reference: string, referenceValues: readonly number[]) =>
  ({
    case: "chat",
    what,
    subject: "Modeltier",
    reference,
    figureUnit: "1/s",
    subjectValues: [900, 1_000, 1_100],
    referenceValues,
  }) as const;
const row = (...args: Parameters<typeof parts>) => ratioRow({ ...parts(...args), target: { atLeast: 1 } });

it("groups the references of one question under one bar of the subject", () => {
  const groups = groupsOf([
    row("whole", "Portkey", [500]),
    row("whole", "LiteLLM", [50]),
    row("streamed", "Portkey", [250]),
  ]);
  expect(groups).toEqual([
    {
      title: "whole",
      bars: [
        { name: "Modeltier", value: 1_000, own: true },
        { name: "Portkey", value: 500, own: false },
        { name: "LiteLLM", value: 50, own: false },
      ],
    },
    {
      title: "streamed",
      bars: [
        { name: "Modeltier", value: 1_000, own: true },
        { name: "Portkey", value: 250, own: false },
      ],
    },
  ]);
});

it("leaves out what is not counted in answers a second, and what is only there for orientation", () => {
  const memory = figureRow({
    case: "memory",
    what: "rest",
    subject: "Modeltier",
    figureUnit: "MB",
    subjectValues: [1],
  });
  const upstream = ratioRow(parts("whole", "the upstream itself", [90_000]));
  expect(groupsOf([memory, upstream])).toEqual([]);
});

it("draws bars in proportion, with a palette for dark pages, and escapes what it is given", () => {
  const svg = chartOf(groupsOf([row("a < b", "Portkey", [500])]), "cpu & co");
  const widths = [...svg.matchAll(/<rect class="\w+" [^>]*width="(\d+)"/g)].map(([, width]) => Number(width));
  expect(widths[1]).toBeCloseTo((widths[0] ?? 0) / 2, -1);
  expect(svg).toContain("prefers-color-scheme: dark");
  expect(svg).toContain("a &lt; b");
  expect(svg).toContain("cpu &amp; co");
});
