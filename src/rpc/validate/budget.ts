import type {
  Budget as ProtoBudget,
  BudgetScope as ProtoScope,
} from "../../../gen/modeltier/v1/access_pb.js";
import type { Budget, BudgetPeriod, BudgetScope } from "../../budgets/types.ts";
import { periodFromProto, scopeFromProto } from "../convert/budget.ts";
import { NO_SUCH_KEY } from "./api-key.ts";
import { LONGEST } from "./bounds.ts";
import { type FieldPath, InvalidRequestError, requireLength, Violations } from "./violations.ts";

/** It is the label of metrics, and part of what replicas tell each other. */
const BUDGET_ID = /^[a-zA-Z0-9._-]{1,64}$/;
const KEY_ID = ["budget", "scope", "key_id"];
const PERIODS = "use BUDGET_PERIOD_DAY, BUDGET_PERIOD_MONTH or BUDGET_PERIOD_TOTAL";

/** The budget that a SetBudgetRequest holds. @throws InvalidRequestError naming every wrong field */
export function readBudget(given: ProtoBudget | undefined): Budget {
  const found = new Violations();
  if (given === undefined) found.add(["budget"], "is missing");
  else checkId(found, given.budgetId, ["budget", "budget_id"]);
  const scope = given && readScope(found, given.scope);
  const period = given && readPeriod(found, given);
  if (given !== undefined) checkLimits(found, given);
  found.throwIfAny();
  if (given === undefined || scope === undefined || period === undefined)
    throw new Error("a budget is incomplete");
  const { budgetId, limitNanoUsd, limitTokens } = given;
  const limits = {
    ...(limitNanoUsd !== undefined && { nano_usd: limitNanoUsd }),
    ...(limitTokens !== undefined && { tokens: limitTokens }),
  };
  return { budgetId, scope, period, limits };
}

/** What the database said of the key that a budget is for. */
export const noSuchKeyOfBudget = (): InvalidRequestError =>
  new InvalidRequestError([{ path: KEY_ID, description: NO_SUCH_KEY }]);

/** @throws InvalidRequestError */
export function readBudgetId(budgetId: string): string {
  const found = new Violations();
  if (budgetId === "") found.add(["budget_id"], "is empty: name the budget");
  else checkId(found, budgetId, ["budget_id"]);
  found.throwIfAny();
  return budgetId;
}

function checkId(found: Violations, budgetId: string, path: FieldPath): void {
  found.require(BUDGET_ID.test(budgetId), path, 'is not 1 to 64 letters, digits, ".", "_" or "-"');
}

function readScope(found: Violations, given: ProtoScope | undefined): BudgetScope | undefined {
  const path = ["budget", "scope"];
  const scope = given && scopeFromProto(given);
  if (scope === undefined) found.add(path, "is missing: set global, agent_id, label or key_id");
  else if (scope.kind === "agent") checkAgent(found, scope.agentId, [...path, "agent_id"]);
  else if (scope.kind === "key") checkKey(found, scope.keyId, KEY_ID);
  else if (scope.kind === "label") checkLabel(found, scope, [...path, "label"]);
  return scope;
}

function checkAgent(found: Violations, agentId: string, path: FieldPath): void {
  found.require(agentId !== "", path, "is empty: name the agent, or set global");
  requireLength(found, agentId, LONGEST.agentId, path);
}

/** Its form; whether there is such a key is the database's to say. */
function checkKey(found: Violations, keyId: string, path: FieldPath): void {
  found.require(
    /^[0-9a-f]{16}$/.test(keyId),
    path,
    "is not the id of a key: give the 16 characters that follow mt_, without the secret",
  );
}

function checkLabel(
  found: Violations,
  { key, value }: Readonly<{ key: string; value: string }>,
  path: FieldPath,
): void {
  found.require(key !== "", [...path, "key"], "is empty: name the label");
  requireLength(found, key, LONGEST.labelKey, [...path, "key"]);
  requireLength(found, value, LONGEST.labelValue, [...path, "value"]);
}

function readPeriod(found: Violations, given: ProtoBudget): BudgetPeriod | undefined {
  const period = periodFromProto(given.period);
  if (period === undefined) found.add(["budget", "period"], `is not a period: ${PERIODS}`);
  return period;
}

/** A limit of 0 is one: it refuses every call. */
function checkLimits(found: Violations, { limitNanoUsd, limitTokens }: ProtoBudget): void {
  if (limitNanoUsd === undefined && limitTokens === undefined) {
    found.add(["budget", "limit_nano_usd"], "is missing, and so is limit_tokens: set one of them or both");
  }
  const isLimit = (limit: bigint | undefined): boolean => limit === undefined || limit >= 0n;
  found.require(isLimit(limitNanoUsd), ["budget", "limit_nano_usd"], "is negative; it must be 0 or more");
  found.require(isLimit(limitTokens), ["budget", "limit_tokens"], "is negative; it must be 0 or more");
}
