import { expect, it } from "vitest";
import { CLASSIC_THRESHOLDS } from "../routing/tier.ts";
import { type ExplorationSettings, explore, NO_EXPLORATION } from "./explore.ts";

const EXPECTED = {
  fast: { quality: 0.7, costNanoUsd: 1_000n },
  balanced: { quality: 0.75, costNanoUsd: 3_000n },
  powerful: { quality: 0.9, costNanoUsd: 20_000n },
};
const ON: ExplorationSettings = { probability: 0.2, width: 0.5, mostLoss: 0.1, mostExtraNanoUsd: 5_000n };
const tried = (score: number, settings = ON, random = 0, left?: bigint) =>
  explore(score, CLASSIC_THRESHOLDS, EXPECTED, settings, random, left);

it("is off until asked for", () => {
  expect(tried(2.9, NO_EXPLORATION)).toEqual({ tier: "fast", propensity: 1, isExplored: false });
});

it("tries the other side of a near threshold, and logs how probable what it chose was", () => {
  expect(tried(2.9)).toEqual({ tier: "balanced", other: "balanced", propensity: 0.2, isExplored: true });
  expect(tried(3.1)).toEqual({ tier: "fast", other: "fast", propensity: 0.2, isExplored: true });
  expect(tried(2.9, ON, 0.2)).toEqual({
    tier: "fast",
    other: "balanced",
    propensity: 0.8,
    isExplored: false,
  });
});

it("leaves a score alone that is far from both thresholds", () => {
  for (const score of [0, 2.4, 3.6, 5, 5.9, 7.1, 10]) expect(tried(score).propensity).toBe(1);
});

it("never risks more success than allowed", () => {
  expect(tried(6.6).propensity).toBe(1);
  expect(tried(6.6, { ...ON, mostLoss: 0.2 }).tier).toBe("balanced");
});

it("never spends more than allowed or than is left", () => {
  expect(tried(6.4).propensity).toBe(1);
  expect(tried(6.4, { ...ON, mostExtraNanoUsd: 17_000n }).tier).toBe("powerful");
  expect(tried(2.9, ON, 0, 2_999n).propensity).toBe(1);
  expect(tried(2.9, ON, 0, 3_000n).tier).toBe("balanced");
});

it("refuses a probability beyond one in two", () => {
  expect(() => tried(2.9, { ...ON, probability: 0.6 })).toThrow(
    "exploration probability must be in [0, 0.5]",
  );
});
