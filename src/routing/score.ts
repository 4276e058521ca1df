/** The scores of one request, the tier they give and what there is to say about them. */
import { learnedScore, newAgent, newFleet, type Subject } from "../agent-score/agent-score.ts";
import { learningSettings } from "../agent-score/settings.ts";
import type { AgentHistory } from "../agent-score/types.ts";
import { calibrateRequest, forecastOf, looksAtTexts } from "./calibrated.ts";
import type { Move } from "./causes.ts";
import {
  agentComplexity,
  agentOnlyComplexity,
  combinedComplexity,
  type Measurements,
  NO_TRANSFORM,
  type StepScore,
  stepComplexity,
} from "./complexity.ts";
import { estimateInputTokens } from "./estimate.ts";
import { measureChat, measureStep } from "./measure.ts";
import { sayMoved } from "./say-moved.ts";
import type { MeasuredRequest } from "./scoring-inputs.ts";
import { selectTier } from "./tier.ts";
import type {
  AgentScoreSource,
  CalibratedStep,
  LearnedDecision,
  RoutingConfig,
  RoutingRequest,
  ScorerName,
  ShadowScore,
  StepType,
  Tier,
} from "./types.ts";

export type RequestScores = Readonly<{
  agentScore: number;
  agentScoreSource: AgentScoreSource;
  stepType: StepType;
  /** Absent when there was nothing to score. */
  step?: StepScore;
  effectiveScore: number;
  /** Where E is learned. */
  learned?: LearnedDecision;
  /** Where the calibrated scorer looked at the request; what S is where it decides. */
  calibrated?: CalibratedStep;
  shadow?: ShadowScore;
  tier: Tier;
  inputTokens: number;
}>;

/**
 * What is known beside the request: what outcomes have taught of its agent. Of a decision that was made before, what it was made of:
 * later outcomes do not move it, and its texts are gone.
 */
export type Known = Readonly<{
  history?: AgentHistory;
  learned?: LearnedDecision;
  calibrated?: CalibratedStep;
  shadow?: ShadowScore;
}>;

/**
 * Scores the step, or the chat messages where there is no step, and blends it with the agent's score.
 * @throws RangeError if a score is NaN or outside [0, 10] or a measurement is negative
 */
export function scoreRequest(
  request: RoutingRequest,
  config: RoutingConfig,
  known: Known = {},
): RequestScores {
  const stepType = stepTypeOf(request);
  const measurements = measure(request, stepType);
  const measured = {
    stepType,
    agentScores: request.agentScores,
    measurements,
    transform: request.step ?? NO_TRANSFORM,
    inputTokens: estimateInputTokens(request, measurements?.prompt ?? 0),
  };
  const classic = classicStep(measured, config);
  const isNew = known.calibrated === undefined && classic !== undefined && looksAtTexts(config);
  const calibrated = isNew ? calibrateRequest(request, classic.factors, config) : known.calibrated;
  return combine(measured, classic, calibrated, config, known);
}

/** The same of what was measured before. @throws RangeError as `scoreRequest` does */
export function scoreMeasured(
  measured: MeasuredRequest,
  config: RoutingConfig,
  known: Known = {},
): RequestScores {
  return combine(measured, classicStep(measured, config), known.calibrated, config, known);
}

const classicStep = (
  { measurements, stepType, transform }: MeasuredRequest,
  config: RoutingConfig,
): StepScore | undefined =>
  measurements === undefined ? undefined : stepComplexity(stepType, measurements, transform, config);

/** What the agent's score and the step's, by the scorer that decides, come to. */
function combine(
  { stepType, agentScores, inputTokens }: MeasuredRequest,
  classic: StepScore | undefined,
  calibrated: CalibratedStep | undefined,
  config: RoutingConfig,
  known: Known,
): RequestScores {
  const agent = agentComplexity(agentScores, config);
  const step =
    classic === undefined || calibrated === undefined || config.scorer === "classic"
      ? classic
      : { ...classic, score: calibrated.score };
  const stated = { stated: agent.score, ...(isNamed(stepType) && { intent: stepType }) };
  const foretold = forecastBy(config.scorer, calibrated);
  const learned = learnedOf({ ...stated, ...foretold, ...scoreOf(step) }, config, known);
  const effectiveScore = effectiveOf(agent.score, step?.score, learned, config);
  const scores = {
    agentScore: agent.score,
    agentScoreSource: agent.source,
    stepType,
    step,
    effectiveScore,
    ...(learned !== undefined && { learned }),
    ...(calibrated !== undefined && { calibrated }),
    tier: selectTier(effectiveScore, config.thresholds),
    inputTokens,
  };
  if (known.shadow !== undefined) return { ...scores, shadow: known.shadow };
  const { shadowScorer: scorer } = config;
  const stepScore = scorer && (scorer === "classic" ? classic?.score : calibrated?.score);
  if (scorer === undefined || stepScore === undefined) return scores;
  const others = learnedOf({ ...stated, ...forecastBy(scorer, calibrated), step: stepScore }, config, known);
  const byOther = effectiveOf(agent.score, stepScore, others, config);
  const tier = selectTier(byOther, config.thresholds);
  const shadow = { scorer, stepScore, effectiveScore: byOther, tier, differs: tier !== scores.tier };
  return { ...scores, shadow };
}

/** E: what was learned, else the blend, else the agent's score alone. */
function effectiveOf(
  agent: number,
  step: number | undefined,
  learned: LearnedDecision | undefined,
  config: RoutingConfig,
): number {
  if (learned !== undefined) return agentOnlyComplexity(learned.score);
  return step === undefined ? agentOnlyComplexity(agent) : combinedComplexity(agent, step, config);
}

/** Of an agent of whom nothing is known: what its caller states, and the step. */
function learnedOf(
  subject: Omit<Subject, "nowMs">,
  { agentScore }: RoutingConfig,
  { history, learned }: Known,
): LearnedDecision | undefined {
  if (agentScore?.serve !== true) return undefined;
  if (learned !== undefined) return learned;
  const { fleet, agent, nowMs } = history ?? { fleet: newFleet(), agent: newAgent(), nowMs: 0 };
  return learnedScore(fleet, agent, { ...subject, nowMs }, learningSettings(agentScore));
}

const scoreOf = (step: StepScore | undefined) => (step === undefined ? {} : { step: step.score });

/** A score by the classic rule foretells no more than itself. */
function forecastBy(scorer: ScorerName, calibrated: CalibratedStep | undefined) {
  const forecast = scorer === "classic" || calibrated === undefined ? undefined : forecastOf(calibrated);
  return forecast === undefined ? {} : { forecast };
}

const isNamed = (stepType: StepType): boolean => stepType !== "unspecified" && stepType !== "unknown";

/** A step that does not say what it does goes by the request's intent. */
const stepTypeOf = ({ step, intent }: RoutingRequest): StepType =>
  step === undefined || step.type === "unspecified" ? intent : step.type;

function measure({ step, chat }: RoutingRequest, stepType: StepType): Measurements | undefined {
  if (step !== undefined) return measureStep(step, stepType);
  return chat === undefined ? undefined : measureChat(chat);
}

/** The score as the first cause, then what it rests on that a caller may not expect. */
export function listScoreMoves(scores: RequestScores, { thresholds }: RoutingConfig): Move[] {
  const { tier: after, effectiveScore } = scores;
  const bounds = `balanced is from ${thresholds.balancedFrom} to ${thresholds.balancedTo}`;
  const how = scores.learned === undefined ? "" : `, learned: ${sayMoved(scores.learned)}`;
  const moves: Move[] = [
    { kind: "score", after, detail: `The effective score is ${effectiveScore}${how}; ${bounds}` },
  ];
  if (scores.stepType === "unknown") {
    const detail = "This version does not know the intent; a step of it is scored as any other";
    moves.push({ kind: "unknown_intent", after, detail });
  }
  if (scores.agentScoreSource === "cold_start") {
    const detail = `The agent has no score; ${scores.agentScore} is assumed`;
    moves.push({ kind: "cold_start", after, detail });
  }
  return moves;
}
