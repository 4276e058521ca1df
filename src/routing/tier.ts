/** The three tiers and the ways between them. */
import { assertScore } from "./complexity.ts";
import { type RoutingConfig, TIERS, type Tier } from "./types.ts";

export type Thresholds = RoutingConfig["thresholds"];
export const CLASSIC_THRESHOLDS: Thresholds = { balancedFrom: 3, balancedTo: 6.5 };

/**
 * The tier of an effective score: fast below the lower threshold, powerful above the upper, both ends balanced.
 * @param score E, dimensionless, in [0, 10], rounded as `combinedComplexity` does
 * @throws RangeError if the score is NaN or outside [0, 10]
 */
export function selectTier(score: number, thresholds: Thresholds = CLASSIC_THRESHOLDS): Tier {
  assertScore("effective", score);
  if (score < thresholds.balancedFrom) return "fast";
  return score > thresholds.balancedTo ? "powerful" : "balanced";
}

/** The next tier up; powerful stays. */
export const raiseTier = (tier: Tier): Tier => TIERS[TIERS.indexOf(tier) + 1] ?? "powerful";

/** The next tier down; fast stays. */
export const lowerTier = (tier: Tier): Tier => TIERS[TIERS.indexOf(tier) - 1] ?? "fast";

/** The stronger of two. */
export const strongerTier = (one: Tier, other: Tier): Tier =>
  TIERS.indexOf(one) >= TIERS.indexOf(other) ? one : other;

/** Where to look for a target: the tier itself, then those above it from the nearest, then those below. */
export const SEARCH_ORDER: Readonly<Record<Tier, readonly Tier[]>> = {
  fast: ["fast", "balanced", "powerful"],
  balanced: ["balanced", "powerful", "fast"],
  powerful: ["powerful", "balanced", "fast"],
};
