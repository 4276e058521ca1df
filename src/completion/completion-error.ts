/** How a completion ends when it does not complete. */
import type { ProviderErrorDetails, ProviderFailure } from "../providers/provider-error.ts";
import type { ModelTarget, RoutingFailure } from "../routing/types.ts";
import type { AttemptRecord } from "../store/records.ts";
import type { CallerCode } from "./failure-policy.ts";

/** One failed attempt, as it was before anything was made of it for the caller. */
export type FailedAttempt = Readonly<{
  /** From 1. */
  attempt: number;
  target: ModelTarget;
  failure: ProviderFailure;
  details: ProviderErrorDetails;
  /** The caller already had content when it failed. */
  wasCommitted: boolean;
}>;

export type CompletionErrorDetails = Readonly<{
  code: CallerCode;
  /** UPPER_SNAKE. */
  reason: string;
  /** Ours: without the provider's text, the prompt or a key. */
  message: string;
  /** When it is worth trying again, in ms from now. */
  retryAfterMs?: number;
  /** The caller holds the beginning of an answer that will not be finished. */
  partial?: boolean;
  /** About how much of it, in tokens. */
  deliveredTokens?: number;
  attempts?: readonly AttemptRecord[];
  failures?: readonly FailedAttempt[];
  /** Absent: no execution came about, because nothing could be decided. */
  executionId?: string;
  /** Our attempts are spent: a client that retries by itself should not. */
  retryPushback?: boolean;
  /** Why there is no decision. */
  routingFailure?: RoutingFailure;
}>;

export class CompletionError extends Error {
  override readonly name = "CompletionError";
  readonly code: CallerCode;
  readonly reason: string;
  readonly retryAfterMs: number | undefined;
  readonly partial: boolean;
  readonly deliveredTokens: number | undefined;
  readonly attempts: readonly AttemptRecord[];
  readonly failures: readonly FailedAttempt[];
  readonly executionId: string | undefined;
  readonly retryPushback: boolean;
  readonly routingFailure: RoutingFailure | undefined;

  constructor(details: CompletionErrorDetails) {
    super(details.message);
    this.code = details.code;
    this.reason = details.reason;
    this.retryAfterMs = details.retryAfterMs;
    this.partial = details.partial ?? false;
    this.deliveredTokens = details.deliveredTokens;
    this.attempts = details.attempts ?? [];
    this.failures = details.failures ?? [];
    this.executionId = details.executionId;
    this.retryPushback = details.retryPushback ?? false;
    this.routingFailure = details.routingFailure;
  }
}
