import {
  type Condition,
  type RouteConstraints,
  type RouteRequest,
  type Step,
  Tier,
} from "../../../gen/modeltier/v1/routing_pb.js";
import { LONGEST, RANGES, TARGET_NAME } from "./bounds.ts";
import { type FieldPath, requireCount, requireLength, requireRange, Violations } from "./violations.ts";

/** Deeper trees than this are not conditions that anyone wrote. */
const MAX_CONDITION_DEPTH = 64;

/** @throws InvalidRequestError naming every wrong field */
export function validateRoute(request: RouteRequest): void {
  const found = new Violations();
  checkRoute(found, request, []);
  found.throwIfAny();
}

/** Adds what is wrong with a RouteRequest that stands at `path` of the caller's request. */
export function checkRoute(found: Violations, request: RouteRequest, path: FieldPath): void {
  requireLength(found, request.agentId, LONGEST.agentId, [...path, "agent_id"]);
  requireLength(found, request.sessionId, LONGEST.sessionId, [...path, "session_id"]);
  requireLength(found, request.userTier, LONGEST.userTier, [...path, "user_tier"]);
  requireCount(found, request.budgetRemaining, [...path, "budget_remaining"]);
  requireCount(found, request.previousFailures, [...path, "previous_failures"]);
  const scores = request.agentAis;
  if (scores !== undefined) {
    requireRange(found, scores.creationScore, RANGES.score, [...path, "agent_ais", "creation_score"]);
    requireRange(found, scores.executionScore, RANGES.score, [...path, "agent_ais", "execution_score"]);
    requireRange(found, scores.combinedScore, RANGES.score, [...path, "agent_ais", "combined_score"]);
  }
  if (request.constraints !== undefined)
    checkConstraints(found, request.constraints, [...path, "constraints"]);
  if (request.step !== undefined) checkStep(found, request.step, [...path, "step"]);
}

function checkConstraints(found: Violations, constraints: RouteConstraints, path: FieldPath): void {
  const { tier, minimumTier, model } = constraints;
  const tiers = "use TIER_FAST, TIER_BALANCED or TIER_POWERFUL";
  found.require(Tier[tier] !== undefined, [...path, "tier"], `is not a tier: ${tiers}`);
  found.require(Tier[minimumTier] !== undefined, [...path, "minimum_tier"], `is not a tier: ${tiers}`);
  if (tier !== Tier.UNSPECIFIED && tier < minimumTier) {
    found.add([...path, "minimum_tier"], "is above the tier asked for: leave one of the two out");
  }
  requireLength(found, model, LONGEST.modelName, [...path, "model"]);
  if (model !== "" && !TARGET_NAME.test(model)) {
    found.add([...path, "model"], 'is not "provider/model", as in "openai/gpt-4o-mini"');
  }
}

/** Adds what is wrong with a Step that stands at `path` of the caller's request. */
export function checkStep(found: Violations, step: Step, path: FieldPath): void {
  requireCount(found, step.inputDataBytes, [...path, "input_data_bytes"]);
  const { measured } = step;
  if (measured !== undefined) {
    const at = [...path, "measured"];
    requireCount(found, measured.promptCharacters, [...at, "prompt_characters"]);
    requireCount(found, measured.dataBytes, [...at, "data_bytes"]);
    requireCount(found, measured.conditions, [...at, "conditions"]);
    requireCount(found, measured.references, [...at, "references"]);
    requireCount(found, measured.aggregations, [...at, "aggregations"]);
    requireCount(found, measured.mappedFields, [...at, "mapped_fields"]);
  }
  checkCondition(found, step.condition, [...path, "condition"]);
  checkCondition(found, step.executeIf, [...path, "execute_if"]);
}

function checkCondition(found: Violations, condition: Condition | undefined, path: FieldPath): void {
  if (condition !== undefined && isDeeperThan(condition, MAX_CONDITION_DEPTH)) {
    found.add(path, `is nested deeper than ${MAX_CONDITION_DEPTH} levels`);
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
