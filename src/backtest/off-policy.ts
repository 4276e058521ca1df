/** What a candidate would have achieved on calls that another policy made, from the probabilities with which that policy chose. */
import { TIERS, type Tier } from "../routing/types.ts";

export type TierValues = Readonly<Record<Tier, number>>;

export type LoggedCall = Readonly<{
  tier: Tier;
  /** What came of it: success, quality, cost. Of the tier that was called; of the others it is not known. */
  reward: number;
  /** With which probability each tier was called, as logged with the decision; they sum to 1. */
  propensities: TierValues;
  /** With which probability the candidate would call each. */
  candidate: TierValues;
  /** In the tier that was called the candidate would ask another model: what that would have answered is not known. */
  isElsewhere?: boolean;
  /** What a model made without this call's outcome expects of each tier; on every call or on none. */
  expected?: TierValues;
}>;

/** Sums over calls: plain JSON of constant size. `w` is the candidate's probability of the called tier over the logged one. */
export type OffPolicySums = Readonly<{
  calls: number;
  modelled: number;
  uncovered: number;
  largest: number;
  w: number;
  ww: number;
  wr: number;
  wwr: number;
  wwrr: number;
  direct: number;
  robust: number;
  robustSquared: number;
}>;

export const NO_CALLS: OffPolicySums = {
  calls: 0,
  modelled: 0,
  uncovered: 0,
  largest: 0,
  w: 0,
  ww: 0,
  wr: 0,
  wwr: 0,
  wwrr: 0,
  direct: 0,
  robust: 0,
  robustSquared: 0,
};

/** @throws RangeError naming what is no probability or no number, or a tier that was called with probability 0 */
export function addCall(sums: OffPolicySums, call: LoggedCall): OffPolicySums {
  const { tier, reward, propensities, candidate, isElsewhere = false, expected } = call;
  assertProbabilities("propensities", propensities);
  assertProbabilities("candidate", candidate);
  if (!Number.isFinite(reward)) throw new RangeError(`reward must be a finite number, not ${reward}`);
  if (propensities[tier] === 0) {
    throw new RangeError(`propensities.${tier} is 0 although ${tier} was called; log the probability it had`);
  }
  const wrong = expected && TIERS.find((one) => !Number.isFinite(expected[one]));
  if (wrong !== undefined) throw new RangeError(`expected.${wrong} must be a finite number`);
  const w = isElsewhere ? 0 : candidate[tier] / propensities[tier];
  const uncovered = total((one) =>
    propensities[one] === 0 || (isElsewhere && one === tier) ? candidate[one] : 0,
  );
  const direct = expected === undefined ? 0 : total((one) => candidate[one] * expected[one]);
  const robust = expected === undefined ? 0 : direct + w * (reward - expected[tier]);
  return {
    calls: sums.calls + 1,
    modelled: sums.modelled + Number(expected !== undefined),
    uncovered: sums.uncovered + uncovered,
    largest: Math.max(sums.largest, w),
    w: sums.w + w,
    ww: sums.ww + w * w,
    wr: sums.wr + w * reward,
    wwr: sums.wwr + w * w * reward,
    wwrr: sums.wwrr + (w * reward) ** 2,
    direct: sums.direct + direct,
    robust: sums.robust + robust,
    robustSquared: sums.robustSquared + robust * robust,
  };
}

export type OffPolicyLimits = Readonly<{
  /** Fewer effective calls than this give no answer. */
  leastEffectiveCalls: number;
  /** The share of the candidate's choices that the log could never have made, beyond which there is no answer. */
  mostUncovered: number;
  /** The most that one call may weigh, as a share of all weights. */
  mostOfOneCall: number;
}>;

export const DEFAULT_LIMITS: OffPolicyLimits = {
  leastEffectiveCalls: 100,
  mostUncovered: 0.01,
  mostOfOneCall: 0.05,
};

/** With its 95 % interval, from the normal approximation. */
export type Estimate = Readonly<{ value: number; lower: number; upper: number }>;

export type OffPolicyAnswer = Readonly<{ calls: number; effectiveCalls: number }> &
  (
    | Readonly<{ kind: "refused"; reason: string }>
    | Readonly<{
        kind: "estimate";
        /** Inverse propensity scoring: unbiased, of high variance. */
        ips: Estimate;
        /** Self-normalised: slightly biased, steadier, and indifferent to where rewards have their zero. */
        snips: Estimate;
        /** Doubly robust: right if the propensities or the model are; absent unless every call had expectations. */
        doublyRobust?: Estimate;
        /** What the model alone says. No interval: its error is the model's and is not known here. */
        direct?: number;
      }>
  );

export function offPolicyAnswer(sums: OffPolicySums, limits = DEFAULT_LIMITS): OffPolicyAnswer {
  const { calls, modelled, w, ww, wr, wwr, wwrr, direct, robust, robustSquared } = sums;
  const effectiveCalls = ww === 0 ? 0 : (w * w) / ww;
  const reason = refusal(sums, effectiveCalls, limits);
  if (reason !== undefined) return { kind: "refused", calls, effectiveCalls, reason };
  const snips = wr / w;
  const snipsSquares = Math.max(0, wwrr - 2 * snips * wwr + snips * snips * ww);
  return {
    kind: "estimate",
    calls,
    effectiveCalls,
    ips: interval(wr / calls, errorOfMean(wr, wwrr, calls)),
    snips: interval(snips, Math.sqrt(snipsSquares) / w),
    ...(modelled === calls && {
      doublyRobust: interval(robust / calls, errorOfMean(robust, robustSquared, calls)),
      direct: direct / calls,
    }),
  };
}

function refusal(sums: OffPolicySums, effectiveCalls: number, limits: OffPolicyLimits): string | undefined {
  const { calls, uncovered, largest, w } = sums;
  if (calls === 0) return "Nothing is known of how any of these calls went.";
  const share = uncovered / calls;
  if (share > limits.mostUncovered) {
    return `${percent(share)} of the candidate's choices could never have been made when these calls were: their outcomes are not known. Where it would have chosen another tier, explore near the thresholds for a while; where it has other models, try them in an experiment; or ask about a candidate closer to what ran.`;
  }
  if (effectiveCalls < limits.leastEffectiveCalls) {
    return `The overlap is thin: ${calls} calls count as ${effectiveCalls.toFixed(1)} of the candidate's, and ${limits.leastEffectiveCalls} are needed. Take a longer window, explore more, or ask about a candidate closer to what ran.`;
  }
  if (largest / w > limits.mostOfOneCall) {
    return `One call alone has ${percent(largest / w)} of all weight, and at most ${percent(limits.mostOfOneCall)} is allowed. Take a longer window or explore with higher probability.`;
  }
  return undefined;
}

function assertProbabilities(name: string, values: TierValues): void {
  const wrong = TIERS.find((tier) => !(values[tier] >= 0 && values[tier] <= 1));
  if (wrong !== undefined) {
    throw new RangeError(`${name}.${wrong} must be a probability in [0, 1], not ${values[wrong]}`);
  }
  const sum = total((tier) => values[tier]);
  if (Math.abs(sum - 1) > 1e-6) throw new RangeError(`${name} must sum to 1, not ${sum}`);
}

const total = (of: (tier: Tier) => number): number => TIERS.reduce((sum, tier) => sum + of(tier), 0);
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const interval = (value: number, error: number): Estimate => ({
  value,
  lower: value - 1.96 * error,
  upper: value + 1.96 * error,
});

function errorOfMean(sum: number, squares: number, n: number): number {
  const variance = Math.max(0, squares / n - (sum / n) ** 2);
  return Math.sqrt(variance / Math.max(1, n - 1));
}
