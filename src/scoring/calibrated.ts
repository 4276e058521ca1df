/** The calibrated score of a request: what a stronger model is expected to add, and why. */
import { type Calibration, calibratedOf } from "./calibration.ts";
import { featuresOf } from "./features.ts";
import { answerOf } from "./model.ts";
import {
  type CalibratedScore,
  type Contribution,
  GROUP_WORDS,
  GROUPS,
  type ScorableRequest,
} from "./types.ts";
import { shippedWeights, type Weights } from "./weights.ts";
import { bucketsOf } from "./words.ts";

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
  const { raw, usual, byGroup, benefit, difficulty } = rawScore(request, weights);
  const score = calibratedOf(raw, calibration);
  const start = calibratedOf(usual, calibration);
  // The calibration is no straight line: points are shared out in proportion, so that they sum to the score.
  const slope = raw === usual ? 0 : (score - start) / (raw - usual);
  const contributions: Contribution[] = [{ group: "usual", what: "a usual request", points: start }];
  const moved = GROUPS.map((group, index) => ({
    group,
    what: GROUP_WORDS[group],
    points: slope * (byGroup[index] ?? 0),
  })).filter(({ points }) => points !== 0);
  moved.sort((one, other) => Math.abs(other.points) - Math.abs(one.points));
  return {
    score,
    difficulty: Math.min(1, Math.max(0, difficulty)),
    benefit: Math.min(1, Math.max(-1, benefit)),
    contributions: contributions.concat(moved),
  };
}

/** Before calibration; `byGroup` sums to raw − usual. */
export function rawScore(request: ScorableRequest, weights: Weights) {
  const { dense, words } = featuresOf(request);
  const buckets = bucketsOf(words);
  const benefit = answerOf(weights.benefit, weights.scaling, dense, buckets);
  const difficulty = answerOf(weights.difficulty, weights.scaling, dense, buckets);
  const share = weights.difficultyShare;
  const byGroup = benefit.byGroup.map((points, group) => points + share * (difficulty.byGroup[group] ?? 0));
  let raw = 0;
  for (const points of byGroup) raw += points;
  return { raw, usual: 0, byGroup, benefit: benefit.value, difficulty: difficulty.value };
}
