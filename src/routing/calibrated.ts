/** The calibrated scorer on a routing request: S by what a stronger model is expected to add. */
import type { Forecast } from "../agent-score/types.ts";
import { calibratedScore } from "../scoring/calibrated.ts";
import { type Calibration, calibratedOf } from "../scoring/calibration.ts";
import type { ClassicFactor, ScorableRequest } from "../scoring/types.ts";
import { shippedWeights } from "../scoring/weights.ts";
import type { RecordedCalibrated } from "./scoring-inputs.ts";
import type { CalibratedStep, RoutingConfig, RoutingRequest, ScoreFactor, Tier } from "./types.ts";

/** Whether the request's texts have to be looked at. */
export const looksAtTexts = ({
  scorer,
  shadowScorer,
}: Pick<RoutingConfig, "scorer" | "shadowScorer">): boolean =>
  scorer === "calibrated" || shadowScorer === "calibrated";

/**
 * @param factors of the classic scorer, of the same request
 * @returns undefined where there is no text to look at: of a step that is nothing but counts the classic score is what there is
 */
export function calibrateRequest(
  { step, chat }: RoutingRequest,
  factors: readonly ScoreFactor[],
  config: Pick<RoutingConfig, "calibration">,
): CalibratedStep | undefined {
  const texts =
    step !== undefined ? [step.name, step.description, step.prompt, step.paramsJson] : (chat?.texts ?? []);
  if (texts.every((text) => text === "")) return undefined;
  const weights = shippedWeights();
  const scored: ScorableRequest = {
    texts,
    factors: Object.fromEntries(factors.map(({ name, score }) => [name, score])) as Record<
      ClassicFactor,
      number
    >,
    ...(chat !== undefined &&
      step === undefined && {
        tools: chat.tools ?? [],
        attachments: { count: chat.attachments ?? 0, bytes: chat.attachmentBytes },
        messages: chat.messages ?? chat.texts.length,
      }),
  };
  return { ...calibratedScore(scored, weights, calibrationOf(config)), weightsVersion: weights.version };
}

/**
 * Of a request that was looked at before and whose texts are gone: its score under this configuration, without what moved it.
 * @param recorded raw score, the weights that gave it, difficulty and benefit
 * @returns undefined where other weights gave it: theirs cannot be compared with ours
 */
export function calibrateRecorded(
  [raw, weightsVersion, difficulty, benefit, signs = []]: RecordedCalibrated,
  config: Pick<RoutingConfig, "calibration">,
): CalibratedStep | undefined {
  if (weightsVersion !== shippedWeights().version) return undefined;
  const score = calibratedOf(raw, calibrationOf(config));
  const scored = { raw, score, weightsVersion, familiarity: 0, signs, contributions: [] };
  return difficulty === undefined || benefit === undefined
    ? { ...scored, difficulty: 0, benefit: 0, isScoreAlone: true }
    : { ...scored, difficulty, benefit };
}

/** What an outcome is learned with, and a learned score made from. */
export const forecastOf = ({
  difficulty,
  benefit,
  signs,
  isScoreAlone,
}: CalibratedStep): Forecast | undefined =>
  isScoreAlone === true ? undefined : { difficulty, benefit, signs };

function calibrationOf({ calibration }: Pick<RoutingConfig, "calibration">): Calibration {
  const own = shippedWeights().calibration;
  if (calibration === undefined) return own;
  return { ...own, toFast: calibration.fastShare, toBalanced: 1 - calibration.powerfulShare };
}

/** The shares of traffic that are meant to score between the marks of each tier; undefined: nobody looks at the texts. */
export function scoreSharesOf(
  config: Pick<RoutingConfig, "scorer" | "shadowScorer" | "calibration">,
): Readonly<Record<Tier, number>> | undefined {
  if (!looksAtTexts(config)) return undefined;
  const { toFast, toBalanced } = calibrationOf(config);
  return { fast: toFast, balanced: toBalanced - toFast, powerful: 1 - toBalanced };
}

/** Of those that moved a score. */
const TOLD = 2;

/** For example "calibrated: numbers and amounts +1.2, program code -0.4". */
export function sayCalibrated({ contributions }: CalibratedStep): string {
  const [, ...moved] = contributions;
  const told = moved.slice(0, TOLD).map(({ what, points }) => {
    const rounded = Math.round(points * 10) / 10;
    return `${what} ${rounded < 0 ? "" : "+"}${rounded}`;
  });
  return `calibrated: ${told.length === 0 ? "a usual request" : told.join(", ")}`;
}
