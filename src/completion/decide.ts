/** From a call to a decision, or to the error that says what the caller or the operator can do. */
import { passesByItself } from "../routing/candidates.ts";
import type {
  Decision,
  RejectedTarget,
  RoutingConfig,
  RoutingFailure,
  RoutingRequest,
  RoutingResult,
} from "../routing/types.ts";
import { targetKey } from "../routing/types.ts";
import { explainOverBudget } from "./budget-error.ts";
import type { EngineDeps, EngineSnapshot } from "./call.ts";
import { unavailable } from "./caller-error.ts";
import { CompletionError, type CompletionErrorDetails } from "./completion-error.ts";
import { FAILURE_POLICY } from "./failure-policy.ts";
import type { TargetHealth } from "./target-health.ts";

export type Decided = Readonly<{ decision: Decision; decisionId: string }>;

/** @throws CompletionError when nothing can be decided */
export const decide = (request: RoutingRequest, snapshot: EngineSnapshot, deps: EngineDeps): Decided =>
  announce(consider(request, snapshot, deps), deps);

/** Decides, and tells nobody yet. @throws CompletionError when nothing can be decided */
export function consider(request: RoutingRequest, snapshot: EngineSnapshot, deps: EngineDeps): Decided {
  const { config, experiment } = snapshot;
  const result = routeInPanic(request, config, deps);
  if (!result.ok) throw routingError(result.failure, deps.health);
  const decision = experiment === undefined ? result.decision : { ...result.decision, experiment };
  return { decision, decisionId: deps.newId() };
}

/** This is what runs. */
export function announce(decided: Decided, deps: EngineDeps): Decided {
  deps.observer.onDecision(decided.decision, decided.decisionId);
  return decided;
}

/**
 * When every target is open, one of them is let through for a probe, and this call is it. The router lists such targets
 * all the same when it has no others, or says that it has none.
 */
function routeInPanic(request: RoutingRequest, config: RoutingConfig, deps: EngineDeps): RoutingResult {
  const result = deps.route(request, config);
  if (result.ok) {
    const { targets } = result.decision;
    const areAllOpen = targets.every((target) => deps.health.waitMs(target) > 0);
    if (areAllOpen) targets.some((target) => deps.health.hurry(target));
    return result;
  }
  if (result.failure.kind !== "no_usable_target") return result;
  const isHurried = coolingDown(result.failure.rejected).some(({ target }) => deps.health.hurry(target));
  return isHurried ? deps.route(request, config) : result;
}

function routingError(failure: RoutingFailure, health: TargetHealth): CompletionError {
  return new CompletionError({ ...explain(failure, health), routingFailure: failure });
}

function explain(failure: RoutingFailure, health: TargetHealth): CompletionErrorDetails {
  switch (failure.kind) {
    case "budget_exhausted":
      return {
        code: "RESOURCE_EXHAUSTED",
        reason: "BUDGET_EXCEEDED",
        message: `The call needs ${failure.neededTokens} tokens and the budget has ${failure.remainingTokens} left.`,
      };
    case "unknown_model":
      return {
        code: "INVALID_ARGUMENT",
        reason: "UNKNOWN_MODEL",
        message: `The catalogue has no model ${targetKey(failure.target)}.`,
      };
    case "over_budget":
      return explainOverBudget(failure.budgetIds);
    case "no_usable_target":
      return explainUnusable(failure.rejected, failure.missingVariables, health);
  }
}

/** The same that a provider's own refusal of the prompt's length comes to. */
const CONTEXT_LENGTH: CompletionErrorDetails = {
  code: FAILURE_POLICY.context_length.callerCode,
  reason: FAILURE_POLICY.context_length.callerReason,
  message: FAILURE_POLICY.context_length.callerMessage,
};

/** What time heals is UNAVAILABLE; what only the operator can mend is FAILED_PRECONDITION and says how. */
function explainUnusable(
  rejected: readonly RejectedTarget[],
  missingVariables: readonly string[],
  health: TargetHealth,
): CompletionErrorDetails {
  const cooling = coolingDown(rejected).map(({ target }) => target);
  if (cooling.length > 0) return unavailable(cooling, health);
  const isTooLong = rejected.length > 0 && rejected.every(({ reason }) => reason === "context_window");
  if (isTooLong) return CONTEXT_LENGTH;
  const remedy =
    missingVariables.length > 0
      ? `set ${missingVariables.join(" or ")}`
      : [...new Set(rejected.map(({ detail }) => detail))].join("; ");
  return {
    code: "FAILED_PRECONDITION",
    reason: "NO_USABLE_TARGET",
    message: `No target can take this call: ${remedy || "none is configured"}.`,
  };
}

function coolingDown(rejected: readonly RejectedTarget[]): readonly RejectedTarget[] {
  return rejected.filter(({ reason }) => passesByItself(reason));
}
