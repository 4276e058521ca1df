/** The default question of an experiment: no worse on success, and cheaper? And when an arm must stop. */
import { addBounded, type BoundedMean, boundedInterval, newBoundedMean } from "./bounded-mean.ts";
import { difference, type Interval } from "./interval.ts";
import { type ArmCount, isSampleRatioWrong } from "./sample-ratio.ts";
import { addUnbounded, NO_VALUES, type UnboundedMean, unboundedInterval } from "./unbounded-mean.ts";

export type Question = Readonly<{
  /** The most that any one answer may be wrong by chance, over the whole life of the experiment. */
  alpha: number;
  /** How much less success still counts as no worse: 0.02 is two points. */
  margin: number;
  /** A new arm stops when it certainly loses more success than this. */
  mostSuccessLost: number;
  /** A new arm stops when a unit certainly costs more than the old one's by more than this; absent: cost stops nothing. */
  mostExtraNanoUsd?: number;
}>;

/** One unit: the mean of its calls. What is absent was not to be had: nobody said how good it was, the price is unknown. */
export type UnitValues = Readonly<{
  /** In [0, 1], as are the next two. */
  success?: number;
  quality?: number;
  fallbackRate?: number;
  costNanoUsd?: number;
  latencyMs?: number;
  firstTokenMs?: number;
}>;

/** What one arm has shown. Begun for a question: its alpha cannot change on the way. Plain JSON. */
export type ArmEvidence = Readonly<{
  units: number;
  success: BoundedMean;
  quality: BoundedMean;
  fallbackRate: BoundedMean;
  costMicroUsd: UnboundedMean;
  latencyMs: UnboundedMean;
  firstTokenMs: UnboundedMean;
}>;

/** Each of two arms may err half as often as their difference. */
export function newArmEvidence({ alpha }: Pick<Question, "alpha">): ArmEvidence {
  const bounded = newBoundedMean(alpha / 2);
  return {
    units: 0,
    success: bounded,
    quality: bounded,
    fallbackRate: bounded,
    costMicroUsd: NO_VALUES,
    latencyMs: NO_VALUES,
    firstTokenMs: NO_VALUES,
  };
}

export function addUnit(evidence: ArmEvidence, unit: UnitValues): ArmEvidence {
  const { success, quality, fallbackRate, costNanoUsd, latencyMs, firstTokenMs } = unit;
  return {
    units: evidence.units + 1,
    success: withBounded(evidence.success, success),
    quality: withBounded(evidence.quality, quality),
    fallbackRate: withBounded(evidence.fallbackRate, fallbackRate),
    costMicroUsd: withUnbounded(
      evidence.costMicroUsd,
      costNanoUsd === undefined ? undefined : costNanoUsd / 1_000,
    ),
    latencyMs: withUnbounded(evidence.latencyMs, latencyMs),
    firstTokenMs: withUnbounded(evidence.firstTokenMs, firstTokenMs),
  };
}

const withBounded = (mean: BoundedMean, value: number | undefined): BoundedMean =>
  value === undefined ? mean : addBounded(mean, value);
const withUnbounded = (mean: UnboundedMean, value: number | undefined): UnboundedMean =>
  value === undefined ? mean : addUnbounded(mean, value);

export type Verdict =
  | "uneven shares: believe nothing below"
  | "stop: too much success lost"
  | "stop: too expensive"
  | "no worse and cheaper"
  | "worse"
  | "not cheaper"
  | "not known yet";

export type Answer = Readonly<{
  verdict: Verdict;
  /** New minus old. */
  success: Interval;
  /** New minus old, per unit. */
  costMicroUsd: Interval;
}>;

/**
 * New against old, at any time and as often as one likes. Both halves must hold for "no worse and cheaper", so each may use all of alpha.
 * @param counts of all arms, with their intended shares
 */
export function answer(
  old: ArmEvidence,
  fresh: ArmEvidence,
  counts: readonly ArmCount[],
  question: Question,
): Answer {
  const { alpha, margin, mostSuccessLost, mostExtraNanoUsd } = question;
  const success = difference(boundedInterval(fresh.success), boundedInterval(old.success));
  const costMicroUsd = difference(
    unboundedInterval(fresh.costMicroUsd, alpha / 2),
    unboundedInterval(old.costMicroUsd, alpha / 2),
  );
  return { verdict: verdict(), success, costMicroUsd };

  function verdict(): Verdict {
    // Guardrails hold whatever the shares: an arm that does harm is stopped first and understood afterwards.
    if (success.upper < -mostSuccessLost) return "stop: too much success lost";
    if (mostExtraNanoUsd !== undefined && costMicroUsd.lower > mostExtraNanoUsd / 1_000) {
      return "stop: too expensive";
    }
    if (isSampleRatioWrong(counts, alpha)) return "uneven shares: believe nothing below";
    if (success.upper < -margin) return "worse";
    if (costMicroUsd.lower > 0) return "not cheaper";
    return success.lower > -margin && costMicroUsd.upper < 0 ? "no worse and cheaper" : "not known yet";
  }
}
