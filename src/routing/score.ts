/** The scores of one request, the tier they give and what there is to say about them. */
import { learnedScore, newAgent, newFleet } from "../agent-score/agent-score.ts";
import { learningSettings } from "../agent-score/settings.ts";
import type { AgentHistory } from "../agent-score/types.ts";
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
  LearnedDecision,
  RoutingConfig,
  RoutingRequest,
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
  tier: Tier;
  inputTokens: number;
}>;

/** What is known of the agent where its score is learned: what outcomes have taught, or the score that was learned from them. */
export type KnownAgent = Readonly<{ history?: AgentHistory; learned?: LearnedDecision }>;

/**
 * Scores the step, or the chat messages where there is no step, and blends it with the agent's score.
 * @throws RangeError if a score is NaN or outside [0, 10] or a measurement is negative
 */
export function scoreRequest(
  request: RoutingRequest,
  config: RoutingConfig,
  known: KnownAgent = {},
): RequestScores {
  const stepType = stepTypeOf(request);
  const measurements = measure(request, stepType);
  return scoreMeasured(
    {
      stepType,
      agentScores: request.agentScores,
      measurements,
      transform: request.step ?? NO_TRANSFORM,
      inputTokens: estimateInputTokens(request, measurements?.prompt ?? 0),
    },
    config,
    known,
  );
}

/** The same of what was measured before. @throws RangeError as `scoreRequest` does */
export function scoreMeasured(
  measured: MeasuredRequest,
  config: RoutingConfig,
  known: KnownAgent = {},
): RequestScores {
  const { stepType, measurements, inputTokens } = measured;
  const agent = agentComplexity(measured.agentScores, config);
  const step =
    measurements === undefined
      ? undefined
      : stepComplexity(stepType, measurements, measured.transform, config);
  const learned = learnedOf(agent.score, step, stepType, config, known);
  const effectiveScore =
    learned !== undefined
      ? agentOnlyComplexity(learned.score)
      : step === undefined
        ? agentOnlyComplexity(agent.score)
        : combinedComplexity(agent.score, step.score, config);
  return {
    agentScore: agent.score,
    agentScoreSource: agent.source,
    stepType,
    step,
    effectiveScore,
    ...(learned !== undefined && { learned }),
    tier: selectTier(effectiveScore, config.thresholds),
    inputTokens,
  };
}

/** Of an agent of whom nothing is known: what its caller states, and the step. */
function learnedOf(
  stated: number,
  step: StepScore | undefined,
  stepType: StepType,
  { agentScore }: RoutingConfig,
  { history, learned }: KnownAgent,
): LearnedDecision | undefined {
  if (agentScore?.serve !== true) return undefined;
  if (learned !== undefined) return learned;
  const { fleet, agent, nowMs } = history ?? { fleet: newFleet(), agent: newAgent(), nowMs: 0 };
  const subject = {
    stated,
    nowMs,
    ...(step !== undefined && { step: step.score }),
    ...(isNamed(stepType) && { intent: stepType }),
  };
  return learnedScore(fleet, agent, subject, learningSettings(agentScore));
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
