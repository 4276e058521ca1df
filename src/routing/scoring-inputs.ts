/**
 * What a decision was made of, small enough to be kept with every execution: counts, scores and the caller's wishes, never a text.
 * From it the same request can be decided again under another configuration.
 */
import type { Measurements, TransformShape } from "./complexity.ts";
import type {
  AgentScores,
  CalibratedStep,
  Decision,
  ModelTarget,
  Needs,
  RoutingRequest,
  StepType,
  Tier,
  TriedTier,
  WarmCache,
} from "./types.ts";

/** What the calibrated scorer made of the texts, before calibration, and with which weights; earlier releases kept no more than that. */
export type RecordedCalibrated = readonly [
  raw: number,
  weightsVersion: string,
  difficulty?: number,
  benefit?: number,
  signs?: readonly number[],
];

export type ScoringInputs = Readonly<{
  type: StepType;
  scores: AgentScores;
  /** Of the step or the chat in its place: prompt, data, conditions, context; absent when there was nothing to score. */
  measured?: readonly [number, number, number, number];
  /** Of a transform: aggregations, mapped fields, 1 when it has a configuration. */
  transform?: readonly [number, number, 0 | 1];
  calibrated?: RecordedCalibrated;
  inputTokens: number;
  /** The call's own token budget. */
  budget?: number;
  failures?: number;
  tier?: Tier;
  minimumTier?: Tier;
  target?: ModelTarget;
  fallbacks?: readonly ModelTarget[];
  needs?: readonly (keyof Needs)[];
  /** The output cap the caller asked for. */
  maxOutput?: number;
  /** 1: it belongs to a session, so its prompt is cached where that can be asked for. */
  session?: 1;
  /** What was known to be cached of the session, at the target that was weighed. */
  warm?: Readonly<{ target: ModelTarget; tokens: number }>;
  /** With which probability each tier could have been chosen, where chance had a part. Absent: the chosen one was certain. */
  propensities?: Readonly<Record<Tier, number>>;
}>;

/** What route() reads of a recorded request in place of its texts. */
export type MeasuredRequest = Readonly<{
  stepType: StepType;
  agentScores: AgentScores;
  measurements?: Measurements;
  transform: TransformShape;
  inputTokens: number;
}>;

/**
 * The inputs of a decision. Measurements are taken from its factors, so that nothing is measured twice.
 * A decision that was resumed from a token has an agent's score and no request to have it from.
 */
export function scoringInputsOf(request: RoutingRequest, decision: Decision): ScoringInputs {
  const { step, constraints, sampling, budgetRemainingTokens } = request;
  const { cache, calibrated, learned } = decision;
  const exploration = learned?.exploration;
  const needs = (Object.keys(request.needs) as (keyof Needs)[]).filter((need) => request.needs[need]);
  const measured = measuredOf(decision);
  return {
    type: decision.stepType,
    scores: agentScoresOf(request.agentScores, decision),
    ...(measured !== undefined && { measured }),
    ...(decision.stepType === "transform" &&
      step !== undefined && {
        transform: [step.aggregations, step.mappedFields, step.hasConfiguration ? 1 : 0] as const,
      }),
    ...(calibrated !== undefined && {
      calibrated: recordedOf(calibrated),
    }),
    ...(exploration !== undefined && { propensities: propensitiesOf(exploration) }),
    inputTokens: decision.estimatedInputTokens,
    ...(budgetRemainingTokens !== undefined && { budget: budgetRemainingTokens }),
    ...(request.previousFailures > 0 && { failures: request.previousFailures }),
    ...constraints,
    ...(needs.length > 0 && { needs }),
    ...(sampling.maxOutputTokens !== undefined && { maxOutput: sampling.maxOutputTokens }),
    ...(request.sessionId !== "" && { session: 1 as const }),
    ...(cache !== undefined && { warm: { target: cache.target, tokens: cache.warmTokens } }),
  };
}

const recordedOf = (calibrated: CalibratedStep): RecordedCalibrated => {
  const { raw, weightsVersion, difficulty, benefit, signs, isScoreAlone } = calibrated;
  if (isScoreAlone === true) return [raw, weightsVersion];
  return [raw, weightsVersion, short(difficulty), short(benefit), signs.map(short)];
};

/** No outcome is known as exactly. */
const short = (share: number): number => Math.round(share * 1e4) / 1e4;

/** What was drawn between two tiers. */
const propensitiesOf = ({
  usual,
  other,
  probability,
}: TriedTier): NonNullable<ScoringInputs["propensities"]> => ({
  fast: 0,
  balanced: 0,
  powerful: 0,
  [usual]: 1 - probability,
  [other]: probability,
});

function measuredOf({ factors }: Decision): ScoringInputs["measured"] {
  const of = (name: string) => factors.find((factor) => factor.name === name)?.measurement ?? 0;
  if (factors.length === 0) return undefined;
  return [of("prompt"), of("data"), of("conditions"), of("context")];
}

function agentScoresOf(scores: AgentScores, { agentScore, agentScoreSource }: Decision): AgentScores {
  const isGiven = Object.values(scores).some((score) => score !== undefined);
  return isGiven || agentScoreSource === "cold_start" ? scores : { combined: agentScore };
}

/** The request, its numbers, and what was cached of its session, to be decided again. @param agentId of the execution */
export function requestOf(inputs: ScoringInputs, agentId: string) {
  const { measured, transform = [0, 0, 0], warm } = inputs;
  const request: RoutingRequest = {
    agentId,
    sessionId: inputs.session === 1 ? "recorded" : "",
    userTier: "",
    intent: inputs.type,
    agentScores: inputs.scores,
    ...(inputs.budget !== undefined && { budgetRemainingTokens: inputs.budget }),
    previousFailures: inputs.failures ?? 0,
    constraints: constraintsOf(inputs),
    needs: needsOf(inputs.needs ?? []),
    sampling: inputs.maxOutput === undefined ? {} : { maxOutputTokens: inputs.maxOutput },
  };
  const numbers: MeasuredRequest = {
    stepType: inputs.type,
    agentScores: inputs.scores,
    ...(measured !== undefined && { measurements: measurementsOf(measured) }),
    transform: {
      aggregations: transform[0],
      mappedFields: transform[1],
      hasConfiguration: transform[2] === 1,
    },
    inputTokens: inputs.inputTokens,
  };
  return { request, numbers, warm };
}

/** As the router is told of it. Its last call's tier is not recorded: that of this call stands in for it. */
export const warmCacheOf = (
  warm: NonNullable<ScoringInputs["warm"]>,
  tier: Tier,
): ReadonlyMap<string, WarmCache> =>
  new Map([[`${warm.target.provider}/${warm.target.model}`, { tokens: warm.tokens, tier }]]);

const measurementsOf = ([prompt, data, conditions, context]: NonNullable<
  ScoringInputs["measured"]
>): Measurements => ({ prompt, data, conditions, context });

const constraintsOf = ({ tier, minimumTier, target, fallbacks }: ScoringInputs) => ({
  ...(tier !== undefined && { tier }),
  ...(minimumTier !== undefined && { minimumTier }),
  ...(target !== undefined && { target }),
  ...(fallbacks !== undefined && { fallbacks }),
});

const needsOf = (named: readonly (keyof Needs)[]): Needs => ({
  tools: named.includes("tools"),
  forcedTools: named.includes("forcedTools"),
  images: named.includes("images"),
  jsonObject: named.includes("jsonObject"),
  jsonSchema: named.includes("jsonSchema"),
});
