import type { KeyLimits } from "./types.ts";

/** The limit that was reached. */
export type ReachedLimit = "requests_per_minute" | "tokens_per_minute" | "concurrent_calls";

export const FIELD_OF: Readonly<Record<ReachedLimit, keyof KeyLimits>> = {
  requests_per_minute: "requestsPerMinute",
  tokens_per_minute: "tokensPerMinute",
  concurrent_calls: "concurrentCalls",
};

const WORDS: Readonly<Record<ReachedLimit, readonly [string, string]>> = {
  requests_per_minute: ["requests a minute", "wait as long as retry-after says"],
  tokens_per_minute: ["tokens a minute", "wait as long as retry-after says, or ask for shorter answers"],
  concurrent_calls: ["calls at a time", "wait until one has ended"],
};

export class RateLimitError extends Error {
  override readonly name = "RateLimitError";
  readonly limit: ReachedLimit;
  readonly most: number;
  /** When there is room again as far as is known, in ms from now. */
  readonly retryAfterMs: number;

  constructor(limit: ReachedLimit, most: number, retryAfterMs: number) {
    const [what, remedy] = WORDS[limit];
    super(`this API key may take ${most} ${what}: ${remedy}, or have an admin raise the key's ${limit}`);
    this.limit = limit;
    this.most = most;
    this.retryAfterMs = retryAfterMs;
  }
}
