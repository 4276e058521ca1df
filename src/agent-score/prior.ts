/** What is expected of a step before any outcome is known: from its score, or from what the calibrated scorer foretells of it. */
import type { Tier } from "../routing/types.ts";
import type { Line } from "./evidence.ts";
import type { Forecast } from "./types.ts";

/** Success that a point of score stands for: at 0.05, a score of 10 means that `powerful` succeeds 25 points more often than usual. */
export const BENEFIT_PER_POINT = 0.05;
/** How much of a difficulty each tier feels: all of it, half of it, none. The prior; evidence replaces it. */
const FELT: Readonly<Record<Tier, number>> = { fast: 1, balanced: 0.5, powerful: 0 };
const USUAL_QUALITY = 0.75;
/** Of steps that the calibrated scorer gives a 5: what the mean forecast of its training data is there. */
const USUAL_STEP: Forecast = { difficulty: 0.45, benefit: 0.25 };

/** Success that a point of an agent's or a step's score costs on a tier; at most 0. */
export const lossPerPoint = (tier: Tier): number => -BENEFIT_PER_POINT * FELT[tier];

export const expectedLine = (tier: Tier): Line => ({ level: USUAL_QUALITY, slope: 2 * lossPerPoint(tier) });

/** The success that is foretold of a step on a tier, of models like those that the calibrated scorer was trained on. In [0, 1]. */
export const foretoldSuccess = (tier: Tier, { difficulty, benefit }: Omit<Forecast, "signs">): number =>
  Math.min(1, Math.max(0, 1 - difficulty + (1 - FELT[tier]) * benefit));

export const harderThanUsual = ({ difficulty }: Forecast): number => difficulty - USUAL_STEP.difficulty;

/**
 * By how much more a tier is expected to succeed on a step than the line through its score foretells. Outcomes are learned less this
 * and it is added again where they count, so that the line has nothing left to learn that was known before.
 * @param z the step's score as lines have it
 */
export function beyondLine(tier: Tier, z: number, forecast: Forecast | undefined): number {
  if (forecast === undefined) return 0;
  const helped = (1 - FELT[tier]) * (forecast.benefit - USUAL_STEP.benefit);
  return helped - harderThanUsual(forecast) - expectedLine(tier).slope * z;
}
