/** What a caller is told of a call that was decided and did not complete. */
import type { ModelTarget } from "../routing/types.ts";
import type { StopKind } from "./call-life.ts";
import { CompletionError, type CompletionErrorDetails, type FailedAttempt } from "./completion-error.ts";
import type { ContentDelivery } from "./delivery.ts";
import type { Execution } from "./execution.ts";
import { type CallerCode, FAILURE_POLICY } from "./failure-policy.ts";
import type { TargetHealth } from "./target-health.ts";

const STOPPED: Readonly<Record<StopKind, Pick<CompletionErrorDetails, "code" | "reason" | "message">>> = {
  cancelled: { code: "CANCELLED", reason: "CANCELLED", message: "The caller cancelled the call." },
  deadline_exceeded: {
    code: "DEADLINE_EXCEEDED",
    reason: "DEADLINE_EXCEEDED",
    message: "The call's time was up before the answer was complete.",
  },
};

/** What the errors of one call have in common. */
export type CallSoFar = Readonly<{
  execution: Execution;
  delivery: ContentDelivery;
  failures: readonly FailedAttempt[];
}>;

export function stoppedError(kind: StopKind, so: CallSoFar): CompletionError {
  return new CompletionError({ ...STOPPED[kind], ...commonDetails(so) });
}

/** Every attempt is spent, or there was nothing to attempt. */
export function spentError(
  targets: readonly ModelTarget[],
  health: TargetHealth,
  so: CallSoFar,
): CompletionError {
  const telling = findTelling(so.failures);
  const common = commonDetails(so);
  if (telling === undefined) return new CompletionError({ ...unavailable(targets, health), ...common });
  const { callerReason, callerMessage } = FAILURE_POLICY[telling.failure];
  const code = codeOf(telling);
  const retryAfterMs = mayBeRetried(code)
    ? (telling.details.retryAfterMs ?? health.findRetryAfterMs(targets))
    : undefined;
  return new CompletionError({
    ...common,
    code,
    reason: callerReason,
    message: so.delivery.isCommitted ? `${callerMessage} The answer is incomplete.` : callerMessage,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    retryPushback: true,
  });
}

/** Every usable target is cooling down or full. */
export function unavailable(targets: readonly ModelTarget[], health: TargetHealth): CompletionErrorDetails {
  const retryAfterMs = health.findRetryAfterMs(targets);
  return {
    code: "UNAVAILABLE",
    reason: "TARGETS_UNAVAILABLE",
    message:
      "Every target for this call has failed lately, or has as many attempts under way as it may, and is left alone for a while.",
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

/**
 * The failure that says most. What cut an answer the caller had begun to read is never masked by what became of the
 * repair. Before that the first failure is the cause and the others followed from it; but a refusal is an answer.
 */
function findTelling(failures: readonly FailedAttempt[]): FailedAttempt | undefined {
  const cut = failures.find(({ wasCommitted }) => wasCommitted);
  if (cut !== undefined) return cut;
  const last = failures.at(-1);
  return last?.failure === "content_filtered" ? last : failures[0];
}

/** After content went out it is UNAVAILABLE, unless asking again could not help anyway. */
function codeOf({ failure, wasCommitted }: FailedAttempt): CallerCode {
  const { callerCode, nextTarget } = FAILURE_POLICY[failure];
  return wasCommitted && nextTarget === "yes" ? "UNAVAILABLE" : callerCode;
}

function mayBeRetried(code: CallerCode): boolean {
  return code === "UNAVAILABLE" || code === "RESOURCE_EXHAUSTED";
}

function commonDetails({ execution, delivery, failures }: CallSoFar) {
  return {
    partial: delivery.isCommitted,
    ...(delivery.isCommitted && { deliveredTokens: delivery.deliveredTokens }),
    attempts: execution.attempts,
    failures,
    executionId: execution.id,
  };
}
