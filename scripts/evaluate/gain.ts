/** How much of the strong model's gain each scorer keeps, by the share of prompts that get it; every source counts the same. */

import { sourcesOf } from "../train/apgr.ts";
import type { Row } from "../train/rows.ts";
import { curveOf, drawsOf, type Measured, measured, type Prompt, rankingOf, STEPS } from "./curves.ts";

export type Scorers = Readonly<Record<string, readonly number[]>>;
export type Gain = Readonly<{
  name: string;
  macro: Measured;
  bySource: Readonly<Record<string, Measured>>;
  /** By share of prompts, in equal steps. */
  kept: readonly Measured[];
}>;

/** Of each scorer, and of the oracle that knows both outcomes. */
export function measureGain(rows: readonly Row[], scorers: Scorers, replicates: number): Gain[] {
  const prompts = rows.map(
    ({ source, weak, strong }): Prompt => ({ source, weak, strong, weakCost: 0, strongCost: 1 }),
  );
  const draws = drawsOf(prompts, replicates);
  const oracle = prompts.map(({ weak, strong }) => strong - weak);
  const sources = sourcesOf(rows);
  return Object.entries({ ...scorers, oracle }).map(([name, scores]) => {
    const curves = sources.map((source) => {
      const own = rows.flatMap((row, index) => (row.source === source ? [index] : []));
      const ranking = rankingOf(scores, own);
      return draws.map((draw) => curveOf(prompts, ranking, draw));
    });
    const overSources = (of: (source: number, draw: number) => number) =>
      measured(
        draws.map((_, draw) =>
          sources.reduce((sum, _, source) => sum + of(source, draw) / sources.length, 0),
        ),
      );
    return {
      name,
      macro: overSources((source, draw) => curves[source]?.[draw]?.apgr ?? 0),
      bySource: Object.fromEntries(
        sources.map((source, index) => [source, measured((curves[index] ?? []).map(({ apgr }) => apgr))]),
      ),
      kept: Array.from({ length: STEPS + 1 }, (_, step) =>
        overSources((source, draw) => curves[source]?.[draw]?.kept[step] ?? 0),
      ),
    };
  });
}

export const figure = ({ value, low, high }: Measured, digits = 3): string =>
  `${value.toFixed(digits)} [${low.toFixed(digits)}, ${high.toFixed(digits)}]`;

export function gainTable(gains: readonly Gain[]): string {
  const sources = Object.keys(gains[0]?.bySource ?? {});
  const lines = gains.map(
    ({ name, macro, bySource }) =>
      `| ${name} | ${figure(macro)} | ${sources.map((source) => bySource[source]?.value.toFixed(3)).join(" | ")} |`,
  );
  return [
    `| APGR | macro | ${sources.join(" | ")} |`,
    `| --- | --- |${" ---: |".repeat(sources.length)}`,
    ...lines,
  ].join("\n");
}
