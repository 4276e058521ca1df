import type { Duration } from "@bufbuild/protobuf/wkt";
import {
  type CacheAffinity as ProtoCacheAffinity,
  type CalibratedScore as ProtoCalibratedScore,
  type Cause as ProtoCause,
  type Condition as ProtoCondition,
  type ScoreFactor as ProtoFactor,
  type LearnedScore as ProtoLearnedScore,
  type RejectedTarget as ProtoRejected,
  type Step as ProtoStep,
  type ModelTarget as ProtoTarget,
  type RouteConstraints,
  type RouteRequest,
  type RoutingDecision,
  Tier,
} from "../../../gen/modeltier/v1/routing_pb.js";
import { foretoldSuccess } from "../../agent-score/prior.ts";
import {
  type AgentScores,
  type CacheAffinity,
  type CalibratedStep,
  type Cause,
  type Condition,
  type Decision,
  type LearnedDecision,
  type ModelTarget,
  type Needs,
  type RoutingRequest,
  type Sampling,
  type ScoreFactor,
  type Step,
  TIERS,
} from "../../routing/types.ts";
import {
  PROTO_CAUSE,
  PROTO_FACTOR,
  PROTO_PRICE_STATUS,
  PROTO_REJECTION,
  PROTO_SCORE_SOURCE,
  PROTO_TIER,
  stepTypeFromProto,
  stepTypeToProto,
  tierFromProto,
} from "./names.ts";

const NO_NEEDS: Needs = {
  tools: false,
  forcedTools: false,
  images: false,
  jsonObject: false,
  jsonSchema: false,
};
const NO_SAMPLING: Sampling = {};

/** A validated RouteRequest in the router's words. */
export function routingRequestFromProto(request: RouteRequest): RoutingRequest {
  return {
    agentId: request.agentId,
    sessionId: request.sessionId,
    userTier: request.userTier,
    intent: stepTypeFromProto(request.intent),
    step: request.step && stepFromProto(request.step),
    agentScores: agentScoresFromProto(request),
    budgetRemainingTokens: optionalNumber(request.budgetRemaining),
    previousFailures: request.previousFailures,
    constraints: constraintsFromProto(request.constraints),
    needs: NO_NEEDS,
    sampling: NO_SAMPLING,
  };
}

function agentScoresFromProto({ agentAis }: RouteRequest): AgentScores {
  return {
    creation: agentAis?.creationScore,
    execution: agentAis?.executionScore,
    combined: agentAis?.combinedScore,
  };
}

function constraintsFromProto(constraints: RouteConstraints | undefined): RoutingRequest["constraints"] {
  if (constraints === undefined) return {};
  return {
    tier: tierFromProto(constraints.tier),
    minimumTier: tierFromProto(constraints.minimumTier),
    target: constraints.model === "" ? undefined : targetFromName(constraints.model),
  };
}

/** "provider/model"; the model's own name may hold more slashes. */
export function targetFromName(name: string): ModelTarget {
  const slash = name.indexOf("/");
  return { provider: name.slice(0, slash), model: name.slice(slash + 1) };
}

export function stepFromProto(step: ProtoStep): Step {
  const { measured } = step;
  return {
    type: stepTypeFromProto(step.type),
    name: step.name,
    description: step.description,
    prompt: step.prompt,
    paramsJson: step.params === undefined ? "" : JSON.stringify(step.params),
    inputDataBytes: Number(step.inputDataBytes),
    condition: step.condition && conditionFromProto(step.condition),
    executeIf: step.executeIf && conditionFromProto(step.executeIf),
    switchCases: step.switchCases.length,
    aggregations: optionalNumber(measured?.aggregations) ?? step.aggregations.length,
    mappedFields: optionalNumber(measured?.mappedFields) ?? Object.keys(step.fieldMapping).length,
    hasConfiguration: step.configuration !== undefined,
    measured: {
      promptCharacters: optionalNumber(measured?.promptCharacters),
      dataBytes: optionalNumber(measured?.dataBytes),
      conditions: optionalNumber(measured?.conditions),
      references: optionalNumber(measured?.references),
    },
  };
}

/** A condition that says nothing counts nothing, like an empty group. */
function conditionFromProto({ kind }: ProtoCondition): Condition {
  switch (kind.case) {
    case "expression":
      return { kind: "leaf", expression: kind.value };
    case "allOf":
      return { kind: "all", conditions: kind.value.conditions.map(conditionFromProto) };
    case "anyOf":
      return { kind: "any", conditions: kind.value.conditions.map(conditionFromProto) };
    case "negation":
      return { kind: "not", condition: conditionFromProto(kind.value) };
    case undefined:
      return { kind: "all", conditions: [] };
  }
}

const optionalNumber = (value: bigint | undefined): number | undefined =>
  value === undefined ? undefined : Number(value);

/**
 * Messages of this contract are plain objects, so those of the hot path are written as such, every field checked by its
 * type: `create` would make each of them twice.
 */
export function decisionToProto(decisionId: string, decision: Decision): RoutingDecision {
  const [target, ...fallbacks] = decision.targets;
  const { scorer, cache, learned, calibrated, shadow, experiment } = decision;
  return {
    $typeName: "modeltier.v1.RoutingDecision",
    decisionId,
    tier: PROTO_TIER[decision.tier],
    provider: target.provider,
    model: target.model,
    fallbacks: fallbacks.map(targetToProto),
    effectiveScore: decision.effectiveScore,
    agentScore: decision.agentScore,
    agentScoreSource: PROTO_SCORE_SOURCE[decision.agentScoreSource],
    stepScore: decision.stepScore,
    stepType: stepTypeToProto(decision.stepType),
    factors: decision.factors.map(factorToProto),
    causes: decision.causes.map(causeToProto),
    rejectedTargets: decision.rejected.map(rejectedToProto),
    maxOutputTokens: target.maxOutputTokens,
    temperature: target.temperature,
    droppedParameters: target.dropped.map(({ name, detail }) => ({
      $typeName: "modeltier.v1.DroppedParameter",
      name,
      detail,
    })),
    estimatedInputTokens: BigInt(decision.estimatedInputTokens),
    estimatedOutputTokens: BigInt(decision.estimatedOutputTokens),
    tokenEstimateMethod: decision.tokenEstimate,
    estimatedCostNanoUsd: decision.estimatedCostNanoUsd ?? 0n,
    priceStatus: PROTO_PRICE_STATUS[decision.estimatedCostNanoUsd === undefined ? "UNKNOWN" : "KNOWN"],
    estimatedLatency: durationFromMs(decision.estimatedLatencyMs),
    latencySource: decision.latencySource,
    configVersion: BigInt(decision.configVersion),
    preset: decision.preset,
    scorer: { $typeName: "modeltier.v1.Scorer", name: scorer.name, version: scorer.version },
    sandbox: decision.sandbox,
    reason: decision.reason,
    cache: cache && cacheToProto(cache),
    learned: learned && learnedToProto(learned),
    calibrated: calibrated && calibratedToProto(calibrated),
    shadow: shadow && {
      $typeName: "modeltier.v1.ShadowScore",
      scorer: shadow.scorer,
      stepScore: shadow.stepScore,
      effectiveScore: shadow.effectiveScore,
      tier: PROTO_TIER[shadow.tier],
    },
    ...expectedSuccess(decision),
    experiment: experiment && {
      $typeName: "modeltier.v1.DecisionExperiment",
      experimentId: experiment.id,
      arm: experiment.arm,
    },
  };
}

/** Of the chosen tier; where none of the agent's outcomes counts any more, a learned score is only what is stated of it. */
function expectedSuccess({ tier, learned, calibrated }: Decision): { expectedSuccess?: number } {
  const known = learned?.tiers[tier];
  if (known !== undefined && known.evidence >= 1) return { expectedSuccess: known.quality };
  return calibrated === undefined ? {} : { expectedSuccess: foretoldSuccess(tier, calibrated) };
}

const calibratedToProto = (calibrated: CalibratedStep): ProtoCalibratedScore => ({
  $typeName: "modeltier.v1.CalibratedScore",
  score: calibrated.score,
  difficulty: calibrated.difficulty,
  benefit: calibrated.benefit,
  familiarity: calibrated.familiarity,
  contributions: calibrated.contributions.map(({ group, what, points }) => ({
    $typeName: "modeltier.v1.ScoreContribution",
    side: group,
    words: what,
    points,
  })),
  weightsVersion: calibrated.weightsVersion,
});

export const learnedToProto = ({
  benefit,
  tiers,
  trust,
  moved,
  exploration,
}: LearnedDecision): ProtoLearnedScore => ({
  $typeName: "modeltier.v1.LearnedScore",
  benefit,
  tiers: TIERS.map((tier) => ({
    $typeName: "modeltier.v1.TierEvidence",
    tier: PROTO_TIER[tier],
    ...tiers[tier],
  })),
  trust,
  moved: { $typeName: "modeltier.v1.ScoreMovement", ...moved },
  exploration: exploration && {
    $typeName: "modeltier.v1.Exploration",
    usual: PROTO_TIER[exploration.usual],
    other: PROTO_TIER[exploration.other],
    probability: exploration.probability,
    tried: exploration.tried,
  },
});

const targetToProto = ({ provider, model }: ModelTarget): ProtoTarget => ({
  $typeName: "modeltier.v1.ModelTarget",
  provider,
  model,
});

const factorToProto = ({ name, measurement, score, weight, contribution }: ScoreFactor): ProtoFactor => ({
  $typeName: "modeltier.v1.ScoreFactor",
  factor: PROTO_FACTOR[name],
  measurement: measurement === undefined ? undefined : BigInt(measurement),
  score,
  weight,
  contribution,
});

const causeToProto = ({ kind, before, after, detail }: Cause): ProtoCause => ({
  $typeName: "modeltier.v1.Cause",
  kind: PROTO_CAUSE[kind],
  before: before === undefined ? Tier.UNSPECIFIED : PROTO_TIER[before],
  after: PROTO_TIER[after],
  detail,
});

const rejectedToProto = ({ target, tier, reason, detail }: Decision["rejected"][number]): ProtoRejected => ({
  $typeName: "modeltier.v1.RejectedTarget",
  provider: target.provider,
  model: target.model,
  tier: PROTO_TIER[tier],
  reason: PROTO_REJECTION[reason],
  detail,
});

const cacheToProto = ({ target, warmTokens, ...sums }: CacheAffinity): ProtoCacheAffinity => ({
  $typeName: "modeltier.v1.CacheAffinity",
  target: targetToProto(target),
  warmTokens: BigInt(warmTokens),
  switchCostNanoUsd: sums.switchCostNanoUsd,
  savingNanoUsd: sums.savingNanoUsd,
  kept: sums.kept,
});

/** Milliseconds, fractions included, to the microsecond. */
export function durationFromMs(milliseconds: number): Duration {
  const seconds = Math.trunc(milliseconds / 1000);
  const nanos = Math.round((milliseconds - seconds * 1000) * 1e3) * 1e3;
  return {
    $typeName: "google.protobuf.Duration",
    seconds: BigInt(seconds),
    nanos: Math.min(nanos, 999_999_000),
  };
}
