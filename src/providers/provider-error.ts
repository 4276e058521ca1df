/** Why a provider's call failed, in this service's words. What each leads to is decided in one table, in completion. */
export const PROVIDER_FAILURES = [
  "connection", // DNS, refused, TLS, reset before headers
  "connect_timeout", // no connection in time: nobody there says anything
  "header_timeout",
  "first_token_timeout",
  "byte_silence",
  "content_silence",
  "rate_limited",
  "quota_exhausted",
  "server_error", // 500, 502, 503, 504, 408, 409
  "overloaded", // 529 and its like
  "context_length",
  "content_filtered",
  "rejected", // any other 4xx: the request is at fault
  "unauthenticated", // 401 and 403: our key is at fault
  "model_not_found",
  "protocol", // an answer that is not in the dialect: HTML, broken JSON, an unknown encoding
  "truncated", // the stream ended without the provider's own terminal event
  "output_limit", // more output than was asked for
] as const;
export type ProviderFailure = (typeof PROVIDER_FAILURES)[number];

export type ProviderErrorDetails = Readonly<{
  /** HTTP status, where one arrived. */
  status?: number;
  /** How long the provider asks to wait, in ms from when the answer arrived; 0 is an answer. */
  retryAfterMs?: number;
  /** The provider's request id, for its support. */
  requestId?: string;
  /** The provider's own error type or code, letters, digits, `_`, `.` and `-` only; never its message. */
  providerCode?: string;
  /** A fixed sentence of ours that says more than the failure's name. Never the provider's text. */
  explanation?: string;
  /** It does not heal by itself: a certificate that nobody vouches for, for instance. */
  needsOperator?: boolean;
}>;

/** A failed exchange. The message never holds what the provider said: that may quote a prompt or a key. */
export class ProviderError extends Error {
  override readonly name = "ProviderError";
  readonly provider: string;
  readonly failure: ProviderFailure;
  readonly details: ProviderErrorDetails;

  constructor(provider: string, failure: ProviderFailure, details: ProviderErrorDetails = {}) {
    super(`${provider}: ${failure}${details.explanation === undefined ? "" : ` (${details.explanation})`}`);
    this.provider = provider;
    this.failure = failure;
    this.details = details;
  }
}
