/** Trying the neighbouring tier now and then, where the score is close to a threshold: the only way to learn what it would have done. */
import { selectTier, type Thresholds } from "../routing/tier.ts";
import { TIERS, type Tier } from "../routing/types.ts";

export type ExplorationSettings = Readonly<{
  /** How often a call near a threshold goes to the other side, in [0, 0.5]. 0, the default: never. */
  probability: number;
  /** How near, in points of score. */
  width: number;
  /** The most success that one explored call may be expected to lose. */
  mostLoss: number;
  /** The most that one explored call may cost more. */
  mostExtraNanoUsd: bigint;
}>;

export const NO_EXPLORATION: ExplorationSettings = {
  probability: 0,
  width: 0.5,
  mostLoss: 0,
  mostExtraNanoUsd: 0n,
};

/** A tier of which nothing is known is not tried. */
export type Expected = Readonly<Partial<Record<Tier, Readonly<{ quality: number; costNanoUsd: bigint }>>>>;
/** `propensity` is the probability that this call had of this tier: the number that off-policy estimates divide by. */
export type Exploration = Readonly<{
  tier: Tier;
  /** The tier on the other side, where it was possible; absent: it was not. */
  other?: Tier;
  propensity: number;
  isExplored: boolean;
}>;

/**
 * @param random in [0, 1), drawn for this call alone
 * @param leftNanoUsd what the call's budget has left; absent: it has none
 */
export function explore(
  score: number,
  thresholds: Thresholds,
  expected: Expected,
  settings: ExplorationSettings,
  random: number,
  leftNanoUsd?: bigint,
): Exploration {
  const tier = selectTier(score, thresholds);
  const other = acrossThreshold(score, tier, thresholds, settings.width);
  const { probability } = settings;
  if (!(probability >= 0 && probability <= 0.5)) {
    throw new RangeError(`exploration probability must be in [0, 0.5], not ${probability}`);
  }
  if (other === undefined || probability === 0 || !isAllowed(expected[tier], expected[other])) {
    return { tier, propensity: 1, isExplored: false };
  }
  return random < probability
    ? { tier: other, other, propensity: probability, isExplored: true }
    : { tier, other, propensity: 1 - probability, isExplored: false };

  function isAllowed(from: Expected[Tier], to: Expected[Tier]): boolean {
    if (from === undefined || to === undefined) return false;
    const extra = to.costNanoUsd - from.costNanoUsd;
    const isAffordable = leftNanoUsd === undefined || to.costNanoUsd <= leftNanoUsd;
    return (
      from.quality - to.quality <= settings.mostLoss && extra <= settings.mostExtraNanoUsd && isAffordable
    );
  }
}

function acrossThreshold(score: number, tier: Tier, thresholds: Thresholds, width: number): Tier | undefined {
  const { balancedFrom, balancedTo } = thresholds;
  const isLowerNearer = Math.abs(score - balancedFrom) <= Math.abs(score - balancedTo);
  if (Math.abs(score - (isLowerNearer ? balancedFrom : balancedTo)) > width) return undefined;
  const [below, above] = isLowerNearer ? [TIERS[0], TIERS[1]] : [TIERS[1], TIERS[2]];
  return tier === below ? above : below;
}
