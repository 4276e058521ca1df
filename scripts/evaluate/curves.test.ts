import { describe, expect, it } from "vitest";
import { apgr } from "../train/apgr.ts";
import { randomOf } from "../train/random.ts";
import { curveOf, drawsOf, measured, type Prompt, rankingOf, STEPS } from "./curves.ts";

const random = randomOf(3);
const prompts = Array.from({ length: 300 }, (_, index): Prompt => {
  const weak = random() < 0.5 ? 0 : 1;
  return { source: index % 2 === 0 ? "even" : "odd", weak, strong: 1, weakCost: 1, strongCost: 11 };
});
const everyone = prompts.map((_, index) => index);
const [once = new Float64Array()] = drawsOf(prompts, 0);
const curve = (scores: readonly number[]) => curveOf(prompts, rankingOf(scores, everyone), once);

describe("the curve", () => {
  it("goes from always the weak model to always the strong one, in cost and in quality", () => {
    const { cost, quality, kept } = curve(everyone);
    expect(cost[0]).toBeCloseTo(1, 9);
    expect(cost[STEPS]).toBeCloseTo(11, 9);
    expect(quality[0]).toBeCloseTo(prompts.filter(({ weak }) => weak === 1).length / prompts.length, 9);
    expect(quality[STEPS]).toBeCloseTo(1, 9);
    expect(kept[STEPS]).toBeCloseTo(1, 9);
  });

  it("is a straight line where all scores are the same", () => {
    const { kept, apgr } = curve(prompts.map(() => 5));
    expect(apgr).toBeCloseTo(0.5, 9);
    for (const [step, share] of kept.entries()) expect(share).toBeCloseTo(step / STEPS, 9);
  });

  it("gives the APGR that training reports", () => {
    const scores = prompts.map(({ weak }) => Math.round(10 * random()) - 3 * weak);
    const gains = prompts.map(({ weak, strong }) => strong - weak);
    expect(curve(scores).apgr).toBeCloseTo(apgr(scores, gains), 9);
  });
});

it("draws as many prompts of a source as it has, the first time each once", () => {
  const draws = drawsOf(prompts, 5);
  for (const draw of draws) {
    const of = (source: string) =>
      draw.reduce((sum, times, index) => sum + (prompts[index]?.source === source ? times : 0), 0);
    expect(of("even")).toBeCloseTo(1, 9);
    expect(of("odd")).toBeCloseTo(1, 9);
  }
  expect(new Set(draws[0]).size).toBe(1);
  expect(new Set(draws[1]).size).toBeGreaterThan(1);
});

it("leaves a fortieth of the draws outside an interval at either end", () => {
  const interval = measured([50, ...Array.from({ length: 401 }, (_, index) => index / 4)]);
  expect(interval).toEqual({ value: 50, low: 2.5, high: 97.5 });
});
