import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  AGENT,
  anyScore,
  breakers,
  CLASSIC,
  decisionOf,
  failureOf,
  movesOf,
  NO_NEEDS,
  providersWithKeys,
  requestWith,
  SANDBOX,
  stateWith,
  stepWith,
  WHEN_ALL_WERE_SERVED,
} from "./test-support.ts";
import type { Tier } from "./types.ts";

const withText = (characters: number) => ({ texts: ["x".repeat(characters)], attachmentBytes: 0 });

describe("previous failures", () => {
  it.each([
    ["fast", 0, "fast"],
    ["fast", 1, "fast"],
    ["fast", 2, "balanced"],
    ["fast", 3, "balanced"],
    ["fast", 4, "powerful"],
    ["balanced", 2, "powerful"],
    ["powerful", 9, "powerful"],
  ] as const)("take %s after %d of them to %s", (tier, previousFailures, expected) => {
    expect(decisionOf(requestWith({ agentScores: AGENT[tier], previousFailures })).tier).toBe(expected);
  });

  it("are named with the tier before and after", () => {
    const decision = decisionOf(requestWith({ agentScores: AGENT.fast, previousFailures: 4 }));
    expect(decision.causes).toEqual([
      { kind: "score", after: "fast", detail: "The effective score is 1; balanced is from 3 to 6.5" },
      {
        kind: "previous_failures",
        before: "fast",
        after: "powerful",
        detail: "The step failed 4 times; from 2 the tier rises by one, from 4 to powerful",
      },
    ]);
  });

  it("move nothing when the limit is 0", () => {
    const decision = decisionOf(requestWith({ agentScores: AGENT.fast, previousFailures: 99 }), SANDBOX, {
      ...CLASSIC,
      failureLimit: 0,
    });
    expect(decision.tier).toBe("fast");
    expect(movesOf(decision)).toEqual([]);
  });
});

describe("a token budget", () => {
  const decide = (tier: Tier, budgetRemainingTokens: number, characters = 0) =>
    decisionOf(requestWith({ agentScores: AGENT[tier], budgetRemainingTokens, chat: withText(characters) }));
  const decideWithoutText = (tier: Tier, budgetRemainingTokens: number) =>
    decisionOf(requestWith({ agentScores: AGENT[tier], budgetRemainingTokens }));

  it.each([
    ["powerful", 8192, "powerful", 8192],
    ["powerful", 8191, "balanced", 4096],
    ["powerful", 4095, "fast", 2048],
    ["balanced", 4096, "balanced", 4096],
    ["balanced", 2048, "fast", 2048],
    ["fast", 2048, "fast", 2048],
    ["fast", 2047, "fast", 2047],
    ["fast", 64, "fast", 64],
  ] as const)("lowers %s with %d tokens left to %s and %d of output", (tier, budget, expected, output) => {
    const decision = decideWithoutText(tier, budget);
    expect(decision.tier).toBe(expected);
    expect(decision.targets[0].maxOutputTokens).toBe(output);
  });

  it("pays for the input before the output", () => {
    const decision = decide("fast", 300, 801);
    expect(decision.estimatedInputTokens).toBe(201);
    expect(decision.targets.map(({ maxOutputTokens }) => maxOutputTokens)).toEqual([99, 99]);
  });

  it("is named when it lowers the tier, and again when it cuts the output", () => {
    const decision = decideWithoutText("powerful", 1000);
    expect(movesOf(decision)).toEqual(["budget: powerful -> fast", "output_cut: fast -> fast"]);
    expect(decision.causes.at(-1)?.detail).toBe("The budget leaves 1000 of 2048 output tokens");
    expect(movesOf(decideWithoutText("powerful", 8192))).toEqual([]);
  });

  it("that does not pay for the smallest answer is exhausted", () => {
    const request = requestWith({ budgetRemainingTokens: 163, chat: withText(400) });
    expect(failureOf(request)).toEqual({ kind: "budget_exhausted", neededTokens: 164, remainingTokens: 163 });
    expect(decisionOf({ ...request, budgetRemainingTokens: 164 }).targets[0].maxOutputTokens).toBe(64);
    expect(failureOf(requestWith({ budgetRemainingTokens: 0 }))).toMatchObject({ kind: "budget_exhausted" });
  });

  it("lets a caller ask for a smaller answer than the smallest worth making", () => {
    const request = requestWith({ budgetRemainingTokens: 20, sampling: { maxOutputTokens: 20 } });
    expect(decisionOf(request).targets[0].maxOutputTokens).toBe(20);
    expect(failureOf({ ...request, budgetRemainingTokens: 19 })).toMatchObject({ neededTokens: 20 });
  });

  it("does not lower the tier for output that its model could not give anyway", () => {
    const request = requestWith({
      agentScores: AGENT.powerful,
      budgetRemainingTokens: 9000,
      sampling: { maxOutputTokens: 100_000 },
    });
    expect(decisionOf(request).tier).toBe("powerful");
  });

  it("bounds input and output of every planned target, whatever else moves the tier", () => {
    const tier = fc.option(fc.constantFrom<Tier>("fast", "balanced", "powerful"), { nil: undefined });
    fc.assert(
      fc.property(
        anyScore,
        fc.nat(20_000),
        fc.nat(5000),
        fc.nat(6),
        tier,
        (combined, budgetRemainingTokens, characters, previousFailures, minimumTier) => {
          const request = requestWith({
            agentScores: { combined },
            budgetRemainingTokens,
            previousFailures,
            chat: withText(characters),
            constraints: minimumTier === undefined ? {} : { minimumTier },
          });
          fc.pre(budgetRemainingTokens >= 64 + Math.ceil(characters / 4));
          const { estimatedInputTokens, targets } = decisionOf(request);
          for (const { maxOutputTokens } of targets) {
            expect(estimatedInputTokens + maxOutputTokens).toBeLessThanOrEqual(budgetRemainingTokens);
            expect(maxOutputTokens).toBeGreaterThanOrEqual(64);
          }
        },
      ),
    );
  });
});

describe("a caller's constraints", () => {
  it.each([
    ["powerful", "fast"],
    ["fast", "powerful"],
    ["balanced", "balanced"],
  ] as const)("take a request scored %s to the tier it asks for, %s", (scored, tier) => {
    const decision = decisionOf(requestWith({ agentScores: AGENT[scored], constraints: { tier } }));
    expect(decision.tier).toBe(tier);
    expect(movesOf(decision)).toEqual([`constraint: ${scored} -> ${tier}`]);
  });

  it("come after failures and budget", () => {
    const decision = decisionOf(
      requestWith({
        agentScores: AGENT.fast,
        previousFailures: 4,
        budgetRemainingTokens: 5000,
        constraints: { tier: "powerful" },
      }),
    );
    expect(movesOf(decision)).toEqual([
      "previous_failures: fast -> powerful",
      "budget: powerful -> balanced",
      "constraint: balanced -> powerful",
      "output_cut: powerful -> powerful",
    ]);
    expect(decision.targets[0].maxOutputTokens).toBe(5000);
  });

  it.each([
    ["fast", "balanced", "balanced"],
    ["powerful", "balanced", "powerful"],
  ] as const)("raise %s to at least %s: %s", (scored, minimumTier, expected) => {
    expect(decisionOf(requestWith({ agentScores: AGENT[scored], constraints: { minimumTier } })).tier).toBe(
      expected,
    );
  });

  it("hold where a tier has nothing usable: a minimum is never undercut, a tier never left", () => {
    const state = stateWith({
      today: WHEN_ALL_WERE_SERVED,
      targets: breakers({}),
      providers: providersWithKeys("kimi"),
    });
    const onlyFast = failureOf(requestWith({ constraints: { tier: "fast" } }), state);
    expect(onlyFast).toMatchObject({ missingVariables: ["ANTHROPIC_API_KEY", "OPENAI_API_KEY"] });

    const images = { ...NO_NEEDS, images: true };
    const anthropicDown = stateWith({
      today: WHEN_ALL_WERE_SERVED,
      targets: breakers({ "openai/gpt-4o": "parked", "anthropic/claude-3-5-sonnet-20241022": "parked" }),
    });
    const request = requestWith({ needs: images, constraints: { minimumTier: "powerful" } });
    expect(failureOf(request, anthropicDown)).toMatchObject({ kind: "no_usable_target" });
    expect(decisionOf({ ...request, constraints: {} }, anthropicDown).tier).toBe("balanced");
  });

  it("keep the tier at or above the minimum, whatever else is asked", () => {
    const tiers = ["fast", "balanced", "powerful"] as const;
    const tier = fc.constantFrom<Tier>(...tiers);
    fc.assert(
      fc.property(anyScore, tier, fc.option(tier), (combined, minimumTier, asked) => {
        const constraints = { minimumTier, ...(asked === null ? {} : { tier: asked }) };
        const decision = decisionOf(requestWith({ agentScores: { combined }, constraints }));
        expect(tiers.indexOf(decision.tier)).toBeGreaterThanOrEqual(tiers.indexOf(minimumTier));
      }),
    );
  });
});

it("leaves no tier without its causes, in the order they were applied", () => {
  const decision = decisionOf(
    requestWith({
      intent: "unknown",
      step: stepWith(),
      previousFailures: 2,
      constraints: { minimumTier: "powerful" },
    }),
    stateWith({ providers: providersWithKeys("kimi") }),
  );
  expect(movesOf(decision)).toEqual([
    "unknown_intent: balanced -> balanced",
    "cold_start: balanced -> balanced",
    "previous_failures: balanced -> powerful",
    "model_retired: powerful -> powerful",
  ]);
});
