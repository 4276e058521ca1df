/** Why somebody was not let in; each door says it in its own words. */
export type Refusal =
  /** Nothing was presented, or nothing that holds. */
  | "unauthenticated"
  /** The key holds, and its role is not enough. */
  | "role_missing"
  /** Too many wrong keys came from the same place. */
  | "too_many_guesses"
  /** Which keys there are is not known yet. */
  | "keys_unknown";

export class AccessError extends Error {
  override readonly name = "AccessError";
  readonly refusal: Refusal;
  /** When it is worth trying again, in ms from now. */
  readonly retryAfterMs: number | undefined;

  constructor(refusal: Refusal, message: string, retryAfterMs?: number) {
    super(message);
    this.refusal = refusal;
    this.retryAfterMs = retryAfterMs;
  }
}
