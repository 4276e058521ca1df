import { describe, expect, it } from "vitest";
import { combinedComplexity } from "./complexity.ts";
import { lowerTier, raiseTier, selectTier, strongerTier } from "./tier.ts";

describe("the tier of a score", () => {
  it.each([
    [0, "fast"],
    [2.999999, "fast"],
    [3, "balanced"],
    [6.5, "balanced"],
    [6.500001, "powerful"],
    [10, "powerful"],
  ])("%d is %s", (score, tier) => {
    expect(selectTier(score)).toBe(tier);
  });

  it("keeps a score of exactly 3.0 in balanced, whatever the floats say", () => {
    expect(0.6 * 4.3 + 0.4 * 1.05).toBeLessThan(3);
    expect(selectTier(combinedComplexity(4.3, 1.05))).toBe("balanced");
  });

  it("follows other thresholds", () => {
    expect(selectTier(5, { balancedFrom: 6, balancedTo: 7 })).toBe("fast");
    expect(selectTier(8, { balancedFrom: 6, balancedTo: 7 })).toBe("powerful");
  });

  it("lets no NaN reach a comparison", () => {
    expect(() => selectTier(Number.NaN)).toThrow(RangeError);
  });
});

it("goes up and down one tier at a time and stays at the ends", () => {
  expect(["fast", "balanced", "powerful"].map((tier) => raiseTier(tier as "fast"))).toEqual([
    "balanced",
    "powerful",
    "powerful",
  ]);
  expect(["fast", "balanced", "powerful"].map((tier) => lowerTier(tier as "fast"))).toEqual([
    "fast",
    "fast",
    "balanced",
  ]);
  expect(strongerTier("fast", "balanced")).toBe("balanced");
  expect(strongerTier("powerful", "balanced")).toBe("powerful");
});
