import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, it } from "vitest";
import { Factor, RoutingDecisionSchema, Tier } from "../../../../gen/modeltier/v1/routing_pb.js";
import { contributionsOf, expectedBy } from "./decision.tsx";

it("makes parts that add up to the score, whatever the blend", () => {
  const score = fc.double({ min: 0, max: 10, noNaN: true });
  fc.assert(
    fc.property(score, score, fc.double({ min: 0, max: 1, noNaN: true }), (agentScore, stepScore, weight) => {
      const effectiveScore = weight * agentScore + (1 - weight) * stepScore;
      const decision = create(RoutingDecisionSchema, {
        agentScore,
        stepScore,
        effectiveScore,
        factors: [
          { factor: Factor.PROMPT_LENGTH, contribution: stepScore * 0.75 },
          { factor: Factor.OUTPUT, contribution: stepScore * 0.25 },
        ],
      });
      const sum = contributionsOf(decision).reduce((total, { value }) => total + value, 0);
      expect(Math.abs(sum - effectiveScore)).toBeLessThan(1e-3);
    }),
  );
});

it("says whether an expected success rests on the agent's outcomes or on what is foretold", () => {
  const by = (evidence: number) =>
    expectedBy(
      create(RoutingDecisionSchema, { tier: Tier.FAST, learned: { tiers: [{ tier: Tier.FAST, evidence }] } }),
    );
  expect(by(12)).toContain("this agent's outcomes");
  expect(by(0.5)).toContain("foretells");
  expect(expectedBy(create(RoutingDecisionSchema, { tier: Tier.FAST }))).toContain("foretells");
});
