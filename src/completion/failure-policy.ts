/** The one place that says what each class of failure leads to. */
import type { ProviderFailure } from "../providers/provider-error.ts";

/** The gRPC status codes a completion can end with, by their names. */
export type CallerCode =
  | "CANCELLED"
  | "INVALID_ARGUMENT"
  | "DEADLINE_EXCEEDED"
  | "RESOURCE_EXHAUSTED"
  | "FAILED_PRECONDITION"
  | "UNAVAILABLE"
  | "INTERNAL";

/** Whether, and after what wait, the same target is asked a second time. Never a third. */
export type SameProviderAgain = "no" | "at_once" | "after_jitter" | "after_retry_after";

/** What a failure does to the target's breaker. */
export type BreakerEffect = "counts" | "cools_down" | "long_cool_down" | "parks" | "ignores";

export type FailurePolicy = Readonly<{
  sameProviderAgain: SameProviderAgain;
  nextTarget: "yes" | "no" | "larger_window";
  breaker: BreakerEffect;
  /** What the caller gets when nothing is left to try. */
  callerCode: CallerCode;
  callerReason: string;
  /** One sentence for the caller, without a word of the provider's. */
  callerMessage: string;
}>;

/** A silent route is not asked again: that only multiplies the wait. */
const SILENT = {
  sameProviderAgain: "no",
  nextTarget: "yes",
  breaker: "counts",
  callerCode: "UNAVAILABLE",
} as const;

export const FAILURE_POLICY: Readonly<Record<ProviderFailure, FailurePolicy>> = {
  connection: {
    sameProviderAgain: "at_once",
    nextTarget: "yes",
    breaker: "counts",
    callerCode: "UNAVAILABLE",
    callerReason: "PROVIDER_UNREACHABLE",
    callerMessage: "The provider could not be reached.",
  },
  connect_timeout: {
    ...SILENT,
    callerReason: "PROVIDER_UNREACHABLE",
    callerMessage: "The provider could not be reached.",
  },
  header_timeout: {
    ...SILENT,
    callerReason: "HEADER_TIMEOUT",
    callerMessage: "The provider accepted the request and did not begin to answer in time.",
  },
  first_token_timeout: {
    ...SILENT,
    callerReason: "FIRST_TOKEN_TIMEOUT",
    callerMessage: "The provider sent no first token in time.",
  },
  byte_silence: {
    ...SILENT,
    callerReason: "STREAM_SILENT",
    callerMessage: "The provider fell silent in the middle of its answer.",
  },
  content_silence: {
    ...SILENT,
    callerReason: "CONTENT_SILENT",
    callerMessage: "The provider kept the connection alive and sent no more content.",
  },
  rate_limited: {
    sameProviderAgain: "after_retry_after",
    nextTarget: "yes",
    breaker: "cools_down",
    callerCode: "RESOURCE_EXHAUSTED",
    callerReason: "RATE_LIMITED",
    callerMessage: "The provider's rate limit is reached.",
  },
  quota_exhausted: {
    sameProviderAgain: "no",
    nextTarget: "yes",
    breaker: "long_cool_down",
    callerCode: "RESOURCE_EXHAUSTED",
    callerReason: "QUOTA_EXHAUSTED",
    callerMessage: "This service's quota or credit with the provider is used up.",
  },
  server_error: {
    sameProviderAgain: "after_jitter",
    nextTarget: "yes",
    breaker: "counts",
    callerCode: "UNAVAILABLE",
    callerReason: "PROVIDER_ERROR",
    callerMessage: "The provider failed on its side.",
  },
  overloaded: {
    sameProviderAgain: "no",
    nextTarget: "yes",
    breaker: "counts",
    callerCode: "UNAVAILABLE",
    callerReason: "PROVIDER_OVERLOADED",
    callerMessage: "The provider is overloaded.",
  },
  context_length: {
    sameProviderAgain: "no",
    nextTarget: "larger_window",
    breaker: "ignores",
    callerCode: "INVALID_ARGUMENT",
    callerReason: "CONTEXT_LENGTH",
    callerMessage: "The messages do not fit the model's context window; shorten them or ask for less output.",
  },
  content_filtered: {
    sameProviderAgain: "no",
    nextTarget: "no", // routing around a refusal is not ours to do
    breaker: "ignores",
    callerCode: "FAILED_PRECONDITION",
    callerReason: "CONTENT_FILTERED",
    callerMessage: "The provider refused the content.",
  },
  rejected: {
    sameProviderAgain: "no",
    nextTarget: "no",
    breaker: "ignores",
    callerCode: "INVALID_ARGUMENT",
    callerReason: "REQUEST_REJECTED",
    callerMessage: "The provider rejected the request as malformed.",
  },
  unauthenticated: {
    sameProviderAgain: "no",
    nextTarget: "yes",
    breaker: "parks",
    callerCode: "UNAVAILABLE",
    callerReason: "PROVIDER_UNAUTHENTICATED",
    callerMessage: "The provider refused this service's key; its operator has to set another.",
  },
  model_not_found: {
    sameProviderAgain: "no",
    nextTarget: "yes",
    breaker: "parks",
    callerCode: "UNAVAILABLE",
    callerReason: "MODEL_NOT_FOUND",
    callerMessage: "The provider does not serve the configured model to this service.",
  },
  protocol: {
    sameProviderAgain: "no",
    nextTarget: "yes",
    breaker: "counts",
    callerCode: "UNAVAILABLE",
    callerReason: "PROTOCOL_ERROR",
    callerMessage: "What the provider sent is not an answer in its own protocol.",
  },
  truncated: {
    sameProviderAgain: "at_once",
    nextTarget: "yes",
    breaker: "counts",
    callerCode: "UNAVAILABLE",
    callerReason: "STREAM_TRUNCATED",
    callerMessage: "The provider's answer ended before its end.",
  },
  output_limit: {
    sameProviderAgain: "no",
    nextTarget: "yes",
    breaker: "counts",
    callerCode: "UNAVAILABLE",
    callerReason: "OUTPUT_LIMIT",
    callerMessage: "The provider sent more output than was asked for.",
  },
};
