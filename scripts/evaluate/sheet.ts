/** The picture of both measurements. */
import { STEPS } from "./curves.ts";
import type { Gain } from "./gain.ts";
import { chartOf, type Line, type Mark, type Panel } from "./svg.ts";
import type { Tiers } from "./tiers.ts";

/** Distinct without colour, too: with history is dashed, the limits are dotted. */
const LOOKS: Readonly<Record<string, Readonly<{ colour: string; dash?: string; hasBand?: boolean }>>> = {
  classic: { colour: "#b54708", hasBand: true },
  "classic with history": { colour: "#b54708", dash: "7 4" },
  calibrated: { colour: "#175cd3", hasBand: true },
  "calibrated with history": { colour: "#175cd3", dash: "7 4" },
  oracle: { colour: "#475467", dash: "2 3" },
  "random at equal cost": { colour: "#98a2b3" },
};
const lookOf = (name: string) => LOOKS[name] ?? { colour: "#475467" };
/** Where the lines leave room. */
const LABELS: Readonly<Record<string, "right" | "above" | "below">> = {
  "always fast": "right",
  "always balanced": "above",
  "always powerful": "below",
};
const percent = (value: number): string => `${Math.round(100 * value)} %`;

export const drawSheet = (gains: readonly Gain[], tiers: Tiers): string =>
  chartOf("What the scorers are worth: quality against the share of strong calls and against cost", [
    gainPanel(gains),
    costPanel(tiers),
  ]);

function gainPanel(gains: readonly Gain[]): Panel {
  const lines = gains.map(({ name, kept }): Line => {
    const { hasBand, ...look } = lookOf(name);
    const at = kept.map((own, step) => ({ x: step / STEPS, ...own }));
    return {
      name,
      ...look,
      points: at.map(({ x, value }) => ({ x, y: value })),
      ...(hasBand === true && { band: at }),
    };
  });
  const random: Line = {
    name: "random at equal cost",
    ...lookOf("random at equal cost"),
    points: [
      { x: 0, y: 0 },
      { x: 1, y: 1 },
    ],
  };
  return {
    title: "All sources, two models",
    xLabel: "prompts on the strong model",
    yLabel: "share of the strong model's gain that is kept",
    x: { from: 0, to: 1, ticks: [0, 0.25, 0.5, 0.75, 1], text: percent },
    y: { from: 0, to: 1.4, ticks: [0, 0.25, 0.5, 0.75, 1, 1.25], text: percent },
    lines: [random, ...lines],
    marks: [],
  };
}

function costPanel({ places, curves }: Tiers): Panel {
  const lines = curves.map(({ name, cost, quality }): Line => {
    const { hasBand, ...look } = lookOf(name);
    return {
      name,
      ...look,
      points: quality.map(({ value }, step) => ({ x: cost[step] ?? 0, y: value })),
      ...(hasBand === true && {
        band: quality.map(({ low, high }, step) => ({ x: cost[step] ?? 0, low, high })),
      }),
    };
  });
  const costs = curves.flatMap(({ cost }) => cost);
  const marks = places
    .filter(({ name }) => !name.includes("history"))
    .map(({ name, cost, quality }): Mark => {
      const [scorer = ""] = name.split(",");
      const isTier = name.startsWith("always");
      const label = isTier ? LABELS[name] : undefined;
      return {
        name,
        colour: isTier ? "#101828" : lookOf(name.includes("oracle") ? "oracle" : scorer).colour,
        shape: isTier ? "square" : "circle",
        x: cost.value,
        y: quality.value,
        low: quality.low,
        high: quality.high,
        ...(label !== undefined && { label }),
      };
    });
  const [cheap, dear] = ["always fast", "always powerful"].map((name) =>
    places.find((place) => place.name === name),
  );
  const random: Line = {
    name: "random at equal cost",
    ...lookOf("random at equal cost"),
    points: [cheap, dear].map((place) => ({ x: place?.cost.value ?? 0, y: place?.quality.value ?? 0 })),
  };
  const most = Math.ceil(2 * Math.max(...costs)) / 2;
  return {
    title: "Three tiers at list prices (circles: cut at 3.0 and 6.5)",
    xLabel: "USD for 1,000 prompts",
    yLabel: "success",
    x: {
      from: 0,
      to: most,
      ticks: Array.from({ length: 2 * most + 1 }, (_, tick) => tick / 2),
      text: String,
    },
    y: { from: 0.65, to: 1, ticks: [0.7, 0.8, 0.9, 1], text: percent },
    lines: [random, ...lines],
    marks,
  };
}
