/** The calibrated score of a request: what a stronger model is expected to add, and why. */
import { type Calibration, calibratedOf } from "./calibration.ts";
import { familiarityOf } from "./familiarity.ts";
import { type Features, featuresOf } from "./features.ts";
import { differenceOf, type Head } from "./model.ts";
import {
  type CalibratedScore,
  type Contribution,
  GROUP_WORDS,
  GROUPS,
  type ScorableRequest,
  SIGNS,
} from "./types.ts";
import { shippedWeights, type Weights } from "./weights.ts";
import { bucketsOf } from "./words.ts";

/** The weights without what calibrates them. */
export type Model = Omit<Weights, "features" | "calibration" | "version">;

export const CALIBRATED = "calibrated";

/**
 * Scores a request in this process: no network, no clock, and a bounded number of characters looked at.
 * @param calibration other shares of traffic per tier, or other traffic, than the weights' own
 */
export function calibratedScore(
  request: ScorableRequest,
  weights: Weights = shippedWeights(),
  calibration: Calibration = weights.calibration,
): CalibratedScore {
  const { raw, byGroup, benefit, difficulty, familiarity } = rawScore(featuresOf(request), weights);
  const score = calibratedOf(raw, calibration);
  const start = calibratedOf(0, calibration);
  // The calibration is no straight line: points are shared out in proportion, so that they sum to the score.
  const slope = raw === 0 ? 0 : (score - start) / raw;
  const contributions: Contribution[] = [{ group: "usual", what: "a usual request", points: start }];
  const moved = GROUPS.map((group, index) => ({
    group,
    what: GROUP_WORDS[group],
    points: slope * (byGroup[index] ?? 0),
  })).filter(({ points }) => points !== 0);
  moved.sort((one, other) => Math.abs(other.points) - Math.abs(one.points));
  return {
    raw,
    score,
    difficulty: Math.min(1, Math.max(0, difficulty)),
    benefit: Math.min(1, Math.max(-1, benefit)),
    familiarity,
    signs: signsOf(byGroup),
    contributions: contributions.concat(moved),
  };
}

export type RawScore = ReturnType<typeof rawScore>;

/** Before calibration; `byGroup` sums to `raw`, which is 0 for a usual request. */
export function rawScore(features: Features, weights: Model) {
  const { values, words } = features;
  const familiarity = familiarityOf(values, weights.workloads);
  const buckets = bucketsOf(words);
  const differ = (head: Head) => differenceOf(head, weights.scaling, familiarity, values, buckets);
  const benefit = differ(weights.benefit);
  const difficulty = differ(weights.difficulty);
  const byGroup = benefit.map((points, group) => points + weights.difficultyShare * (difficulty[group] ?? 0));
  return {
    raw: sumOf(byGroup),
    byGroup,
    benefit: weights.benefit.intercept + sumOf(benefit),
    difficulty: weights.difficulty.intercept + sumOf(difficulty),
    familiarity,
  };
}

/** @param byGroup in the order of `GROUPS` */
export const signsOf = (byGroup: ArrayLike<number>): number[] =>
  SIGNS.map((groups) => groups.reduce((sum, group) => sum + (byGroup[GROUPS.indexOf(group)] ?? 0), 0));

function sumOf(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}
