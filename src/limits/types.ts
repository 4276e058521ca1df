/** What one API key may take. Plain data. */

/** Each absent: not limited. */
export type KeyLimits = Readonly<{
  /** Calls that are begun in any minute. */
  requestsPerMinute?: number;
  /** Tokens that its calls use in any minute, input and output together. */
  tokensPerMinute?: number;
  /** Calls under way at a time. */
  concurrentCalls?: number;
}>;

export const NO_LIMITS: KeyLimits = {};

/** What a key has taken: in the minute that ends now, and what is under way. */
export type KeyUsage = Readonly<{ requests: number; tokens: number; calls: number }>;
