/** What three tiers cost and how well they answer, on the sources whose prompts all three have answered; each counts the same. */
import type { Row, Sources } from "../train/rows.ts";
import { curveOf, drawsOf, type Measured, measured, type Prompt, rankingOf, STEPS } from "./curves.ts";
import { figure, type Scorers } from "./gain.ts";

export type Place = Readonly<{
  name: string;
  /** USD for 1,000 prompts. */
  cost: Measured;
  /** Success in [0, 1]. */
  quality: Measured;
  /** Success more than a coin between fast and powerful would have for the same money. */
  overRandom: Measured;
}>;
export type TierCurve = Readonly<{ name: string; cost: readonly number[]; quality: readonly Measured[] }>;
export type Tiers = Readonly<{ places: readonly Place[]; curves: readonly TierCurve[] }>;

const FAST_BELOW = 3;
const POWERFUL_ABOVE = 6.5;
const PER = 1_000;

type Answered = Readonly<{
  index: number;
  source: string;
  quality: readonly number[];
  cost: readonly number[];
}>;

export function measureTiers(
  rows: readonly Row[],
  sources: Sources,
  scorers: Scorers,
  replicates: number,
): Tiers {
  const answered = rows.flatMap(({ source, outcomes }, index): Answered[] => {
    const of = sources[source]?.tiers?.map((model) => outcomes[model]);
    if (of === undefined || of.some((outcome) => outcome?.cost === undefined)) return [];
    return [
      {
        index,
        source,
        quality: of.map((outcome) => outcome?.score ?? 0),
        cost: of.map((outcome) => PER * (outcome?.cost ?? 0)),
      },
    ];
  });
  const prompts = answered.map(
    ({ source, quality, cost }): Prompt => ({
      source,
      weak: quality[0] ?? 0,
      strong: quality[2] ?? 0,
      weakCost: cost[0] ?? 0,
      strongCost: cost[2] ?? 0,
    }),
  );
  const draws = drawsOf(prompts, replicates);
  const own = prompts.map((_, index) => index);
  const sum = (draw: Float64Array, of: (index: number) => number) => {
    let total = 0;
    let weight = 0;
    for (const index of own) {
      total += (draw[index] ?? 0) * of(index);
      weight += draw[index] ?? 0;
    }
    return total / weight;
  };
  const placeOf = (name: string, tierOf: (index: number) => number): Place => {
    const tiers = own.map(tierOf);
    const at = (draw: Float64Array, what: "quality" | "cost", tier?: number) =>
      sum(draw, (index) => answered[index]?.[what][tier ?? tiers[index] ?? 0] ?? 0);
    const over = (draw: Float64Array) => {
      const [cheap, dear] = [at(draw, "cost", 0), at(draw, "cost", 2)];
      const share = (at(draw, "cost") - cheap) / (dear - cheap);
      const [low, high] = [at(draw, "quality", 0), at(draw, "quality", 2)];
      return at(draw, "quality") - (low + share * (high - low));
    };
    return {
      name,
      cost: measured(draws.map((draw) => at(draw, "cost"))),
      quality: measured(draws.map((draw) => at(draw, "quality"))),
      overRandom: measured(draws.map(over)),
    };
  };
  const places = [
    ...["always fast", "always balanced", "always powerful"].map((name, tier) => placeOf(name, () => tier)),
    ...Object.entries(scorers).map(([name, scores]) =>
      placeOf(`${name}, 3.0 and 6.5`, (index) => {
        const score = scores[answered[index]?.index ?? 0] ?? 0;
        return score < FAST_BELOW ? 0 : score > POWERFUL_ABOVE ? 2 : 1;
      }),
    ),
    placeOf("the cheapest that is right (oracle)", (index) => cheapestRight(answered[index] as Answered)),
  ];
  // A perfect oracle buys where a dollar gains most, and never where it gains nothing before all else is bought.
  const oracle = prompts.map(
    ({ weak, strong, weakCost, strongCost }) => (strong - weak) / Math.max(1e-9, strongCost - weakCost),
  );
  const all = Object.entries(scorers).map(([name, scores]): [string, readonly number[]] => [
    name,
    answered.map(({ index }) => scores[index] ?? 0),
  ]);
  const curves = [...all, ["oracle", oracle] as [string, readonly number[]]].map(([name, scores]) => {
    const ranking = rankingOf(scores, own);
    const drawn = draws.map((draw) => curveOf(prompts, ranking, draw));
    return {
      name,
      cost: drawn[0]?.cost ?? [],
      quality: Array.from({ length: STEPS + 1 }, (_, step) =>
        measured(drawn.map(({ quality }) => quality[step] ?? 0)),
      ),
    };
  });
  return { places, curves };
}

/** The cheapest tier among those that answer best. */
function cheapestRight({ quality, cost }: Answered): number {
  const best = Math.max(...quality);
  const right = [0, 1, 2].filter((tier) => quality[tier] === best);
  return right.reduce((one, other) => ((cost[other] ?? 0) < (cost[one] ?? 0) ? other : one));
}

export function tierTable({ places }: Tiers): string {
  const lines = places.map(
    ({ name, cost, quality, overRandom }) =>
      `| ${name} | ${figure(cost, 2)} | ${figure(quality)} | ${figure(overRandom)} |`,
  );
  return [
    "| Three tiers | USD for 1,000 prompts | success | over a coin at equal cost |",
    "| --- | --- | --- | --- |",
    ...lines,
  ].join("\n");
}
