/** What a caller is told whom a budget refuses. */
import { CompletionError, type CompletionErrorDetails } from "./completion-error.ts";

/** Without a time to come back: what helps is another budget, another period or a smaller call. */
export const explainOverBudget = (budgetIds: readonly string[]): CompletionErrorDetails => ({
  code: "RESOURCE_EXHAUSTED",
  reason: "BUDGET_EXCEEDED",
  message: `Too little is left of the budget ${[...new Set(budgetIds)].join(" and ")} for the smallest answer to this call: send less, or have the limit raised.`,
});

export const overBudget = (budgetIds: readonly string[]): CompletionError =>
  new CompletionError({
    ...explainOverBudget(budgetIds),
    routingFailure: { kind: "over_budget", budgetIds: [...new Set(budgetIds)] },
  });

/** How soon a replica may have found its database again, in ms. */
const STORE_RETRY_MS = 1_000;

export const storeAway = (): CompletionError =>
  new CompletionError({
    code: "UNAVAILABLE",
    reason: "BUDGET_STORE_UNAVAILABLE",
    message: "A budget applies to this call, and what is left of it cannot be looked up now.",
    retryAfterMs: STORE_RETRY_MS,
  });
