/** What one API key may take. Plain data. */
import type { OthersWant } from "./share.ts";

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
type Taken = Readonly<{ requests: number; tokens: number; calls: number }>;
/** At one replica, with how many calls at a time there would lately have been had none been refused. */
export type KeyUsage = Taken & Readonly<{ wanted: number }>;
/** At all others together, with how many calls each of them wants. */
export type UsageElsewhere = Taken & Readonly<{ wanted: OthersWant }>;
