import { describe, expect, it } from "vitest";
import { combinedComplexity } from "./complexity.ts";
import { decisionOf, requestWith, stepWith } from "./test-support.ts";
import { selectTier } from "./tier.ts";
import type { AgentScores, Condition, Step } from "./types.ts";

const leaf: Condition = { kind: "leaf", expression: "total > 100" };

/** Text of exactly so many ASCII characters that holds so many references. */
const textOf = (characters: number, references = 0): string =>
  "{{ a }} ".repeat(references).padEnd(characters, "x");

/** A JSON object of exactly so many ASCII characters that holds so many references. */
const jsonOf = (characters: number, references: number): string => {
  const around = JSON.stringify({ data: "" }).length;
  return JSON.stringify({ data: textOf(characters - around, references) });
};

describe("the golden vectors", () => {
  const vectors: readonly (readonly [string, Step, AgentScores, number, number, string])[] = [
    [
      "1: a short send",
      stepWith({ type: "send", prompt: textOf(12), paramsJson: '{"to":"a@b.cd"}' }),
      { combined: 1.8 },
      2.15,
      1.94,
      "fast",
    ],
    [
      "2: a generate without agent scores",
      stepWith({ type: "generate", prompt: textOf(320, 3) }),
      {},
      5.45,
      5.18,
      "balanced",
    ],
    [
      "3: a generate over 8 KiB",
      stepWith({ type: "generate", prompt: textOf(850, 3), inputDataBytes: 8192 }),
      { combined: 7.2 },
      6.05,
      6.74,
      "powerful",
    ],
    [
      "4: a large transform of 8 fields",
      stepWith({ type: "transform", mappedFields: 8, paramsJson: jsonOf(60_000, 6) }),
      { combined: 6 },
      6.95,
      6.38,
      "balanced",
    ],
    [
      "5: a conditional over four leaves",
      stepWith({
        type: "conditional",
        prompt: textOf(260, 4),
        inputDataBytes: 300,
        condition: { kind: "all", conditions: [leaf, leaf, { kind: "any", conditions: [leaf, leaf] }] },
      }),
      { combined: 4.2 },
      4.8,
      4.44,
      "balanced",
    ],
  ];

  it.each(vectors)("%s", (_name, step, agentScores, stepScore, effectiveScore, tier) => {
    const decision = decisionOf(requestWith({ step, agentScores }));
    expect(decision.stepScore).toBe(stepScore);
    expect(decision.effectiveScore).toBe(effectiveScore);
    expect(decision.tier).toBe(tier);
  });

  it("are measured on the numbers they name", () => {
    const measuredOf = (step: Step): unknown[] =>
      decisionOf(requestWith({ step }))
        .factors.map(({ measurement }) => measurement)
        .filter((measurement) => measurement !== undefined);
    expect(vectors.map(([, step]) => measuredOf(step))).toEqual([
      [27, 15, 0, 0],
      [320, 0, 0, 3],
      [850, 8192, 0, 3],
      [60_000, 60_000, 0, 6],
      [260, 300, 4, 4],
    ]);
  });

  it.each([
    ["6", 5, 5, "balanced"],
    ["10", 0, 0, "fast"],
    ["11", 6.500002, 6.500002, "powerful"],
  ])("%s: no step, A %d", (_number, combined, effectiveScore, tier) => {
    const decision = decisionOf(requestWith({ agentScores: { combined } }));
    expect(decision.effectiveScore).toBe(effectiveScore);
    expect(decision.stepScore).toBeUndefined();
    expect(decision.factors).toEqual([]);
    expect(decision.tier).toBe(tier);
  });

  it.each([
    ["7", 3, 3, 3],
    ["8", 6.5, 6.5, 6.5],
    ["9", 4.3, 1.05, 3],
  ])("%s: A %d with S %d", (_number, agent, step, effectiveScore) => {
    const score = combinedComplexity(agent, step);
    expect(score).toBe(effectiveScore);
    expect(selectTier(score)).toBe("balanced");
  });
});
