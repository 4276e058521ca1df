/** From what is known of an agent and its step to E, the effective score that picks the tier. Scores are in [0, 10]. */
import type {
  AgentScoreSource,
  AgentScores,
  FactorLimits,
  FactorName,
  FactorWeights,
  MeasuredFactor,
  RoutingConfig,
  ScoreFactor,
  StepType,
  WeightSet,
} from "./types.ts";

export const LOWEST_SCORE = 0;
export const HIGHEST_SCORE = 10;

/** How much of E is the agent's score and how much the step's. */
export type Blend = Pick<RoutingConfig, "agentWeight" | "stepWeight">;
export const CLASSIC_BLEND: Blend = { agentWeight: 0.6, stepWeight: 0.4 };

/** What the four measured factors are taken from: characters, bytes, conditions, references; whole numbers from 0. */
export type Measurements = Readonly<Record<MeasuredFactor, number>>;

/** What a transform's output is estimated from. */
export type TransformShape = Readonly<{
  aggregations: number;
  mappedFields: number;
  hasConfiguration: boolean;
}>;
export const NO_TRANSFORM: TransformShape = { aggregations: 0, mappedFields: 0, hasConfiguration: false };

export type StepScore = Readonly<{
  /** S in [0, 10]. */
  score: number;
  weightSet: WeightSet;
  factors: readonly ScoreFactor[];
}>;

/**
 * How demanding a step is for an agent: both scores blended.
 * @param agent A in [0, 10]
 * @param step S in [0, 10]
 * @returns E in [0, 10], rising with both; rounded to 1e-6 because agent 4.30 with step 1.05 is 3.0 on paper and
 *   2.9999999999999996 in floats, which is another tier
 * @throws RangeError if a score is NaN or outside [0, 10]
 */
export function combinedComplexity(agent: number, step: number, blend: Blend = CLASSIC_BLEND): number {
  assertScore("agent", agent);
  assertScore("step", step);
  return effective(blend.agentWeight * agent + blend.stepWeight * step);
}

/**
 * E where there is no step to score: the agent's score, rounded like every E.
 * @throws RangeError if the score is NaN or outside [0, 10]
 */
export function agentOnlyComplexity(agent: number): number {
  assertScore("agent", agent);
  return effective(agent);
}

/**
 * A and where it comes from: the combined score, else creation and execution blended, else the one of them that is
 * there, else the cold-start score. 0 is a score, not an absence.
 * @throws RangeError naming the score that is NaN or outside [0, 10]
 */
export function agentComplexity(
  scores: AgentScores,
  config: Pick<RoutingConfig, "coldStartScore" | "creationWeight" | "executionWeight">,
): Readonly<{ score: number; source: AgentScoreSource }> {
  const { creation, execution, combined } = scores;
  if (creation !== undefined) assertScore("creation", creation);
  if (execution !== undefined) assertScore("execution", execution);
  if (combined !== undefined) {
    assertScore("combined", combined);
    return { score: combined, source: "combined" };
  }
  if (creation !== undefined && execution !== undefined) {
    const blended = config.creationWeight * creation + config.executionWeight * execution;
    return { score: clampScore(withoutFloatNoise(blended)), source: "blended" };
  }
  if (creation !== undefined) return { score: creation, source: "creation_only" };
  if (execution !== undefined) return { score: execution, source: "execution_only" };
  return { score: config.coldStartScore, source: "cold_start" };
}

/**
 * S and the six factors it is the weighted sum of.
 * @throws RangeError naming the measurement that is NaN or negative
 */
export function stepComplexity(
  type: StepType,
  measurements: Measurements,
  transform: TransformShape,
  config: Pick<RoutingConfig, "limits" | "weights">,
): StepScore {
  const profile = STEP_PROFILES[type];
  const weights = config.weights[profile.weightSet];
  const { limits } = config;
  const factors = [
    measuredFactor("prompt", measurements.prompt, limits.prompt, weights),
    measuredFactor("data", measurements.data, limits.data, weights),
    measuredFactor("conditions", measurements.conditions, limits.conditions, weights),
    measuredFactor("context", measurements.context, limits.context, weights),
    estimatedFactor("reasoning", profile.reasoning, weights),
    estimatedFactor("output", type === "transform" ? transformOutput(transform) : profile.output, weights),
  ];
  let sum = 0;
  for (const { contribution } of factors) sum += contribution;
  return { score: clampScore(withoutFloatNoise(sum)), weightSet: profile.weightSet, factors };
}

/** @throws RangeError if the score is NaN or outside [0, 10] */
export function assertScore(name: string, score: number): void {
  if (!(score >= LOWEST_SCORE && score <= HIGHEST_SCORE)) {
    throw new RangeError(`${name} score must be in [${LOWEST_SCORE}, ${HIGHEST_SCORE}], not ${score}`);
  }
}

type StepProfile = Readonly<{ weightSet: WeightSet; reasoning: number; output: number }>;

const GENERATIVE: StepProfile = { weightSet: "generative", reasoning: 8, output: 7 };
const CONDITIONAL: StepProfile = { weightSet: "conditional", reasoning: 6, output: 4 };
const ANY_OTHER: StepProfile = { weightSet: "other", reasoning: 3, output: 4 };
const other = (reasoning: number, output: number): StepProfile => ({
  weightSet: "other",
  reasoning,
  output,
});

/** The weights of a step type, and the two factors that are estimated from it. */
const STEP_PROFILES: Readonly<Record<StepType, StepProfile>> = {
  generate: GENERATIVE,
  llm_decision: GENERATIVE,
  ai_processing: GENERATIVE,
  conditional: CONDITIONAL,
  switch: CONDITIONAL,
  validate: other(6, 6),
  transform: { weightSet: "transform", reasoning: 4, output: 4 },
  summarize: other(4, 5),
  extract: other(3, 5),
  filter: other(3, 4),
  enrich: other(3, 6),
  aggregate: other(3, 6),
  action: other(2, 3),
  send: other(2, 3),
  scatter_gather: ANY_OTHER,
  unspecified: ANY_OTHER,
  unknown: ANY_OTHER,
};

function transformOutput(transform: TransformShape): number {
  if (transform.aggregations > 3) return 8;
  if (transform.mappedFields > 5) return 7;
  return transform.hasConfiguration ? 5 : STEP_PROFILES.transform.output;
}

function measuredScore(name: MeasuredFactor, measurement: number, limits: FactorLimits): number {
  if (!(measurement >= 0)) throw new RangeError(`${name} must be measured as 0 or more, not ${measurement}`);
  if (measurement < limits.low) return 2;
  if (measurement < limits.medium) return 5;
  return measurement < limits.high ? 7 : 9;
}

function measuredFactor(
  name: MeasuredFactor,
  measurement: number,
  limits: FactorLimits,
  weights: FactorWeights,
): ScoreFactor {
  const score = measuredScore(name, measurement, limits);
  const weight = weights[name];
  return { name, measurement, score, weight, contribution: withoutFloatNoise(weight * score) };
}

function estimatedFactor(
  name: Exclude<FactorName, MeasuredFactor>,
  score: number,
  weights: FactorWeights,
): ScoreFactor {
  const weight = weights[name];
  return { name, score, weight, contribution: withoutFloatNoise(weight * score) };
}

const effective = (score: number): number => clampScore(Math.round(score * 1e6) / 1e6);

const clampScore = (score: number): number => Math.min(HIGHEST_SCORE, Math.max(LOWEST_SCORE, score));

/** 0.1 x 3 is 0.3 on paper and 0.30000000000000004 in floats; people read these numbers and add them up. */
const withoutFloatNoise = (score: number): number => Math.round(score * 1e12) / 1e12;
