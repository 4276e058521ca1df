/** Why a call with an idempotency key was not made. */

export type IdempotencyFailure =
  /** The first call with this key has not ended yet. */
  | "IDEMPOTENCY_IN_FLIGHT"
  /** The key belongs to a call with another body. */
  | "IDEMPOTENCY_KEY_REUSED"
  /** Nobody can say whether this is the first call. */
  | "IDEMPOTENCY_STORE_UNAVAILABLE";

export class IdempotencyError extends Error {
  override readonly name = "IdempotencyError";
  readonly failure: IdempotencyFailure;

  constructor(failure: IdempotencyFailure) {
    super(failure);
    this.failure = failure;
  }
}
