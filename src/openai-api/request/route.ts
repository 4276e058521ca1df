/** The parameters of a RouteRequest, each a text, in the router's words. */
import { INTENTS, type RoutingRequest, TIERS, type Tier } from "../../routing/types.ts";
import { stepFromJson } from "../../rpc/convert/step-json.ts";
import { LONGEST, RANGES } from "../../rpc/validate/bounds.ts";
import { requireCount, requireLength, requireRange, type Violations } from "../../rpc/validate/violations.ts";
import type { ModelChoice } from "../models.ts";
import type { Parameter, Parameters, RouteParameter } from "./parameters.ts";

type Route = Omit<RoutingRequest, "chat" | "needs" | "sampling">;

/** What is wrong with them is noted. */
export function readRoute(
  parameters: Parameters,
  constraints: ModelChoice & Pick<RoutingRequest["constraints"], "fallbacks">,
  found: Violations,
): Route {
  const reader = new RouteReader(parameters, found);
  const minimumTier = reader.word("minimum_tier", TIERS, "TIER_");
  if (constraints.tier !== undefined && minimumTier !== undefined) {
    checkOrder(constraints.tier, minimumTier, parameters, found);
  }
  return {
    agentId: reader.text("agent_id", LONGEST.agentId),
    sessionId: reader.text("session_id", LONGEST.sessionId),
    userTier: reader.text("user_tier", LONGEST.userTier),
    intent: reader.word("intent", INTENTS, "INTENT_") ?? "unspecified",
    step: reader.step(),
    agentScores: {
      creation: reader.score("creation_score"),
      execution: reader.score("execution_score"),
      combined: reader.score("combined_score"),
    },
    budgetRemainingTokens: reader.count("budget_remaining"),
    previousFailures: reader.count("previous_failures") ?? 0,
    constraints: { ...constraints, ...(minimumTier !== undefined && { minimumTier }) },
  };
}

function checkOrder(tier: Tier, minimum: Tier, parameters: Parameters, found: Violations): void {
  if (TIERS.indexOf(tier) >= TIERS.indexOf(minimum)) return;
  const path = parameters.find("minimum_tier")?.path ?? [];
  found.add(path, "is above the tier that model asks for: leave one of the two out");
}

class RouteReader {
  readonly #parameters: Parameters;
  readonly #found: Violations;

  constructor(parameters: Parameters, found: Violations) {
    this.#parameters = parameters;
    this.#found = found;
  }

  /** "" when it was not given. */
  text(name: RouteParameter, limit: number): string {
    const given = this.#parameters.find(name);
    if (given !== undefined) requireLength(this.#found, given.text, limit, given.path);
    return given?.text ?? "";
  }

  score(name: RouteParameter): number | undefined {
    const given = this.#parameters.find(name);
    const score = this.#number(given);
    if (given !== undefined) requireRange(this.#found, score, RANGES.score, given.path);
    return score;
  }

  /** A whole number from 0. */
  count(name: RouteParameter): number | undefined {
    const given = this.#parameters.find(name);
    const count = this.#number(given);
    if (given === undefined || count === undefined) return undefined;
    if (!Number.isInteger(count)) this.#found.add(given.path, "is not a whole number");
    else requireCount(this.#found, count, given.path);
    return count;
  }

  /** One of some words, in any case, with or without the prefix that the contract gives it. */
  word<T extends string>(name: RouteParameter, words: readonly T[], prefix: string): T | undefined {
    const given = this.#parameters.find(name);
    if (given === undefined) return undefined;
    const asked = given.text.toUpperCase();
    const word = words.find((one) => asked === one.toUpperCase() || asked === prefix + one.toUpperCase());
    if (word === undefined) this.#found.add(given.path, `is unknown: use ${words.join(", ")}`);
    return word;
  }

  step(): Route["step"] {
    const given = this.#parameters.find("step");
    return given && stepFromJson(given.text, given.path, this.#found);
  }

  #number(given: Parameter | undefined): number | undefined {
    if (given === undefined) return undefined;
    const number = Number(given.text);
    if (Number.isFinite(number)) return number;
    this.#found.add(given.path, "is not a number");
    return undefined;
  }
}
