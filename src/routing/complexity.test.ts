import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  agentComplexity,
  agentOnlyComplexity,
  combinedComplexity,
  NO_TRANSFORM,
  stepComplexity,
  type TransformShape,
} from "./complexity.ts";
import { anyScore, CLASSIC } from "./test-support.ts";
import { FACTORS, type FactorWeights, INTENTS, type StepType } from "./types.ts";

const count = fc.nat({ max: 100_000 });
const stepType = fc.constantFrom<StepType>(...INTENTS, "unspecified", "unknown");
const measurements = fc.record({ prompt: count, data: count, conditions: count, context: count });
const transform = fc.record({
  aggregations: fc.nat(8),
  mappedFields: fc.nat(12),
  hasConfiguration: fc.boolean(),
});
const NOTHING = { prompt: 0, data: 0, conditions: 0, context: 0 };

describe("the effective score", () => {
  it("blends 60 % agent with 40 % step, to a millionth", () => {
    expect(combinedComplexity(4.3, 1.05)).toBe(3);
    expect(combinedComplexity(7.2, 6.05)).toBe(6.74);
    expect(agentOnlyComplexity(6.5000024)).toBe(6.500002);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, -0.1, 10.1])("refuses a score of %s by name", (wrong) => {
    expect(() => combinedComplexity(wrong, 5)).toThrow(/^agent score must be in \[0, 10\]/);
    expect(() => combinedComplexity(5, wrong)).toThrow(/^step score/);
    expect(() => agentOnlyComplexity(wrong)).toThrow(RangeError);
    expect(() => agentComplexity({ creation: wrong, execution: 5 }, CLASSIC)).toThrow(/^creation score/);
    expect(() => agentComplexity({ combined: 5, execution: wrong }, CLASSIC)).toThrow(/^execution score/);
  });

  it("never falls when a score rises, and stays in [0, 10]", () => {
    fc.assert(
      fc.property(anyScore, anyScore, anyScore, anyScore, (agentA, agentB, stepA, stepB) => {
        const low = combinedComplexity(Math.min(agentA, agentB), Math.min(stepA, stepB));
        const high = combinedComplexity(Math.max(agentA, agentB), Math.max(stepA, stepB));
        expect(low).toBeLessThanOrEqual(high);
        expect(low).toBeGreaterThanOrEqual(0);
        expect(high).toBeLessThanOrEqual(10);
      }),
    );
  });
});

describe("the agent's score", () => {
  it.each([
    [{ combined: 4, creation: 9, execution: 9 }, 4, "combined"],
    [{ creation: 5.1, execution: 3.3 }, 3.84, "blended"],
    [{ creation: 7 }, 7, "creation_only"],
    [{ execution: 2 }, 2, "execution_only"],
    [{}, 5, "cold_start"],
  ] as const)("of %j is %d (%s)", (scores, expected, source) => {
    expect(agentComplexity(scores, CLASSIC)).toEqual({ score: expected, source });
  });

  it("takes 0 for a score, not for an absence", () => {
    expect(agentComplexity({ combined: 0, creation: 9 }, CLASSIC)).toEqual({ score: 0, source: "combined" });
    expect(agentComplexity({ creation: 0, execution: 0 }, CLASSIC)).toEqual({ score: 0, source: "blended" });
    expect(agentComplexity({ execution: 0 }, CLASSIC)).toEqual({ score: 0, source: "execution_only" });
  });
});

describe("the step's score", () => {
  const factorOf = (
    name: string,
    type: StepType,
    measured = NOTHING,
    shape = NO_TRANSFORM,
  ): number | undefined =>
    stepComplexity(type, measured, shape, CLASSIC).factors.find((factor) => factor.name === name)?.score;

  it.each([
    ["prompt", 199, 200, 499, 500, 999, 1000],
    ["data", 1023, 1024, 10_239, 10_240, 51_199, 51_200],
    ["conditions", 1, 2, 4, 5, 9, 10],
    ["context", 1, 2, 4, 5, 9, 10],
  ])("takes %s below its limits as 2, 5, 7 and above as 9", (name, ...measured) => {
    const scores = measured.map((value) => factorOf(name, "send", { ...NOTHING, [name]: value }));
    expect(scores).toEqual([2, 5, 5, 7, 7, 9]);
  });

  it.each([
    ["generate", 8, 7],
    ["llm_decision", 8, 7],
    ["ai_processing", 8, 7],
    ["conditional", 6, 4],
    ["switch", 6, 4],
    ["validate", 6, 6],
    ["transform", 4, 4],
    ["summarize", 4, 5],
    ["extract", 3, 5],
    ["filter", 3, 4],
    ["enrich", 3, 6],
    ["aggregate", 3, 6],
    ["action", 2, 3],
    ["send", 2, 3],
    ["scatter_gather", 3, 4],
    ["unspecified", 3, 4],
    ["unknown", 3, 4],
  ] as const)("estimates %s at reasoning %d and output %d", (type, reasoning, output) => {
    expect([factorOf("reasoning", type), factorOf("output", type)]).toEqual([reasoning, output]);
  });

  it.each([
    [{ aggregations: 4, mappedFields: 0, hasConfiguration: false }, 8],
    [{ aggregations: 3, mappedFields: 6, hasConfiguration: true }, 7],
    [{ aggregations: 3, mappedFields: 5, hasConfiguration: true }, 5],
    [{ aggregations: 3, mappedFields: 5, hasConfiguration: false }, 4],
  ])("estimates a transform's output from its shape %j as %d", (shape, output) => {
    expect(factorOf("output", "transform", NOTHING, shape)).toBe(output);
    expect(factorOf("output", "extract", NOTHING, shape)).toBe(5);
  });

  it.each([
    ["generate", "generative"],
    ["ai_processing", "generative"],
    ["llm_decision", "generative"],
    ["transform", "transform"],
    ["conditional", "conditional"],
    ["switch", "conditional"],
    ["send", "other"],
    ["validate", "other"],
    ["unknown", "other"],
  ] as const)("weighs %s as %s", (type, set) => {
    const { weightSet, factors } = stepComplexity(type, NOTHING, NO_TRANSFORM, CLASSIC);
    expect(weightSet).toBe(set);
    for (const { name, weight } of factors) expect(weight).toBe(CLASSIC.weights[set][name]);
  });

  it("is the sum of its six contributions, each weight times score", () => {
    fc.assert(
      fc.property(stepType, measurements, transform, (type, measured, shape) => {
        const { score: total, factors } = stepComplexity(type, measured, shape, CLASSIC);
        expect(factors).toHaveLength(6);
        expect(factors.reduce((sum, { contribution }) => sum + contribution, 0)).toBeCloseTo(total, 9);
        for (const one of factors) expect(one.contribution).toBeCloseTo(one.weight * one.score, 9);
        expect(total).toBeGreaterThanOrEqual(0);
        expect(total).toBeLessThanOrEqual(10);
      }),
    );
  });

  it("is that sum whatever the weights", () => {
    const shares = fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 6, maxLength: 6 });
    fc.assert(
      fc.property(shares, stepType, measurements, (parts, type, measured) => {
        const whole = parts.reduce((sum, part) => sum + part, 0);
        const share = (position: number): number => (parts[position] ?? 0) / whole;
        const row = Object.fromEntries(
          FACTORS.map((name, position) => [name, share(position)]),
        ) as FactorWeights;
        const weights = { generative: row, transform: row, conditional: row, other: row };
        const { score, factors } = stepComplexity(type, measured, NO_TRANSFORM, { ...CLASSIC, weights });
        const exact = factors.reduce((sum, one) => sum + one.weight * one.score, 0);
        expect(Math.abs(score - exact)).toBeLessThan(1e-9);
        for (const one of factors)
          expect(Math.abs(one.contribution - one.weight * one.score)).toBeLessThan(1e-9);
      }),
    );
  });

  it("never falls when a measurement or a transform's shape grows", () => {
    const grown = (one: TransformShape, by: TransformShape): TransformShape => ({
      aggregations: one.aggregations + by.aggregations,
      mappedFields: one.mappedFields + by.mappedFields,
      hasConfiguration: one.hasConfiguration || by.hasConfiguration,
    });
    fc.assert(
      fc.property(
        stepType,
        measurements,
        measurements,
        transform,
        transform,
        (type, less, more, shape, by) => {
          const sum = {
            prompt: less.prompt + more.prompt,
            data: less.data + more.data,
            conditions: less.conditions + more.conditions,
            context: less.context + more.context,
          };
          const before = stepComplexity(type, less, shape, CLASSIC).score;
          const after = stepComplexity(type, sum, grown(shape, by), CLASSIC).score;
          expect(after).toBeGreaterThanOrEqual(before);
        },
      ),
    );
  });

  it("refuses a measurement that is negative or no number, by name", () => {
    expect(() => factorOf("data", "send", { ...NOTHING, data: -1 })).toThrow(/^data must be measured/);
    expect(() => factorOf("context", "send", { ...NOTHING, context: Number.NaN })).toThrow(RangeError);
  });
});
