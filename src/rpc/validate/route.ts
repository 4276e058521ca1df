import {
  type AgentScores,
  type Condition,
  type RouteConstraints,
  type RouteRequest,
  type Step,
  type StepMeasurements,
  Tier,
} from "../../../gen/modeltier/v1/routing_pb.js";
import { LONGEST, RANGES, TARGET_NAME } from "./bounds.ts";
import {
  type FieldPath,
  Place,
  requireCount,
  requireLength,
  requireRange,
  Violations,
} from "./violations.ts";

/** Deeper trees than this are not conditions that anyone wrote. */
const MAX_CONDITION_DEPTH = 64;

const THE_REQUEST: FieldPath = [];

/** @throws InvalidRequestError naming every wrong field */
export function validateRoute(request: RouteRequest): void {
  const found = new Violations();
  checkRoute(found, request, THE_REQUEST);
  found.throwIfAny();
}

/** Adds what is wrong with a RouteRequest that stands at `at` of the caller's request. */
export function checkRoute(found: Violations, request: RouteRequest, at: FieldPath | Place): void {
  const { agentAis: scores, constraints, step } = request;
  requireLength(found, request.agentId, LONGEST.agentId, at, "agent_id");
  requireLength(found, request.sessionId, LONGEST.sessionId, at, "session_id");
  requireLength(found, request.userTier, LONGEST.userTier, at, "user_tier");
  requireCount(found, request.budgetRemaining, at, "budget_remaining");
  requireCount(found, request.previousFailures, at, "previous_failures");
  if (scores !== undefined) checkScores(found, scores, new Place(at, "agent_ais"));
  if (constraints !== undefined) checkConstraints(found, constraints, new Place(at, "constraints"));
  if (step !== undefined) checkStep(found, step, new Place(at, "step"));
}

function checkScores(found: Violations, scores: AgentScores, at: Place): void {
  requireRange(found, scores.creationScore, RANGES.score, at, "creation_score");
  requireRange(found, scores.executionScore, RANGES.score, at, "execution_score");
  requireRange(found, scores.combinedScore, RANGES.score, at, "combined_score");
}

const NO_TIER = "is not a tier: use TIER_FAST, TIER_BALANCED or TIER_POWERFUL";

function checkConstraints(found: Violations, constraints: RouteConstraints, at: Place): void {
  const { tier, minimumTier, model } = constraints;
  found.require(Tier[tier] !== undefined, at, NO_TIER, "tier");
  found.require(Tier[minimumTier] !== undefined, at, NO_TIER, "minimum_tier");
  if (tier !== Tier.UNSPECIFIED && tier < minimumTier) {
    found.add(at, "is above the tier asked for: leave one of the two out", "minimum_tier");
  }
  requireLength(found, model, LONGEST.modelName, at, "model");
  if (model !== "" && !TARGET_NAME.test(model)) {
    found.add(at, 'is not "provider/model", as in "openai/gpt-4o-mini"', "model");
  }
}

/** Adds what is wrong with a Step that stands at `at` of the caller's request. */
export function checkStep(found: Violations, step: Step, at: FieldPath | Place): void {
  const { measured, condition, executeIf } = step;
  requireCount(found, step.inputDataBytes, at, "input_data_bytes");
  if (measured !== undefined) checkMeasured(found, measured, new Place(at, "measured"));
  if (condition !== undefined) checkCondition(found, condition, at, "condition");
  if (executeIf !== undefined) checkCondition(found, executeIf, at, "execute_if");
}

function checkMeasured(found: Violations, measured: StepMeasurements, at: Place): void {
  requireCount(found, measured.promptCharacters, at, "prompt_characters");
  requireCount(found, measured.dataBytes, at, "data_bytes");
  requireCount(found, measured.conditions, at, "conditions");
  requireCount(found, measured.references, at, "references");
  requireCount(found, measured.aggregations, at, "aggregations");
  requireCount(found, measured.mappedFields, at, "mapped_fields");
}

function checkCondition(found: Violations, condition: Condition, at: FieldPath | Place, field: string): void {
  if (isDeeperThan(condition, MAX_CONDITION_DEPTH)) {
    found.add(at, `is nested deeper than ${MAX_CONDITION_DEPTH} levels`, field);
  }
}

function isDeeperThan(condition: Condition, levels: number): boolean {
  if (levels === 0) return true;
  const { kind } = condition;
  switch (kind.case) {
    case "allOf":
    case "anyOf":
      return kind.value.conditions.some((member) => isDeeperThan(member, levels - 1));
    case "negation":
      return isDeeperThan(kind.value, levels - 1);
    default:
      return false;
  }
}
