/**
 * Which calls a key may still begin. What a call will use is not known when it begins: it is taken as long as what its key used in
 * the minute, and what its calls under way will use if they are like the last ones, leaves room for one more like them.
 */
import { Minute } from "./minute.ts";
import { FIELD_OF, RateLimitError, type ReachedLimit } from "./rate-limit-error.ts";
import { shareOf } from "./share.ts";
import type { KeyLimits, KeyUsage, UsageElsewhere } from "./types.ts";

/** Weight of the newest call in what a call of the key is expected to use. */
const NEWEST_WEIGHT = 0.2;
/** When a place among the calls under way is worth asking for again. */
const PLACE_RETRY_MS = 1_000;
/** What others were last heard to use counts as long as it may still be in the minute. */
const HEARSAY_MS = 60_000;
const NOTHING: UsageElsewhere = { requests: 0, tokens: 0, calls: 0, wanted: { before: [], after: [] } };

export type LimiterParts = Readonly<{
  /** Of a key, as they are now; undefined: it has none. */
  limitsOf(keyId: string): KeyLimits | undefined;
  /** Monotonic. */
  nowMs(): number;
  onRefusal?(limit: ReachedLimit): void;
}>;

class Taken {
  readonly requests = new Minute();
  readonly tokens = new Minute();
  calls = 0;
  /** The most calls at a time since the last report, and those that were refused a place beside them. */
  peak = 0;
  turnedAway = 0;
  /** Of the report before, and of the last one or the one before. */
  wantedBefore = 0;
  wanted = 0;
  /** What a call uses, going by the last ones. */
  expectedTokens = 0;
  /** By other replicas, as they said last. */
  elsewhere = NOTHING;
  /** Calls at a time that are this replica's, by what all want; anew at each hearing. */
  share = Number.POSITIVE_INFINITY;
  heardMs = 0;
  /** Others have been told that there is nothing. */
  isToldIdle = false;

  /** Ends a round. Those who were refused may be back only in the next one, so that two count. */
  countWanted(): number {
    const wanted = this.peak + this.turnedAway;
    this.wanted = Math.max(wanted, this.wantedBefore);
    this.wantedBefore = wanted;
    this.peak = this.calls;
    this.turnedAway = 0;
    return this.wanted;
  }
}

/** Of a call that was let in. Leave it once the call is over; leaving twice is leaving once. */
export class Hold {
  readonly #taken: Taken;
  readonly #enteredMs: number;
  #isLeft = false;

  constructor(taken: Taken, enteredMs: number) {
    this.#taken = taken;
    this.#enteredMs = enteredMs;
  }

  leave(): void {
    if (this.#isLeft) return;
    this.#isLeft = true;
    this.#taken.calls -= 1;
  }

  /** The call was not begun after all: it does not count. */
  cancel(nowMs: number): void {
    if (this.#isLeft) return;
    this.leave();
    this.#taken.requests.takeBack(1, this.#enteredMs, nowMs);
  }
}

export class Limiter {
  readonly #parts: LimiterParts;
  readonly #taken = new Map<string, Taken>();

  constructor(parts: LimiterParts) {
    this.#parts = parts;
  }

  /** Undefined for a key without limits. @throws RateLimitError */
  enter(keyId: string): Hold | undefined {
    const limits = this.#parts.limitsOf(keyId);
    if (limits === undefined) return undefined;
    const nowMs = this.#parts.nowMs();
    const taken = this.#takenBy(keyId);
    const reached = findReached(taken, limits, nowMs);
    if (reached !== undefined) {
      if (reached.limit === "concurrent_calls") taken.turnedAway += 1;
      this.#parts.onRefusal?.(reached.limit);
      throw new RateLimitError(reached.limit, limits[FIELD_OF[reached.limit]] ?? 0, reached.retryAfterMs);
    }
    taken.requests.add(1, nowMs);
    taken.calls += 1;
    if (taken.calls > taken.peak) taken.peak = taken.calls;
    return new Hold(taken, nowMs);
  }

  /** What a call of the key has used. */
  charge(keyId: string, tokens: number): void {
    const taken = this.#taken.get(keyId);
    if (taken === undefined) return; // it had no limits when the call began
    taken.tokens.add(tokens, this.#parts.nowMs());
    taken.expectedTokens += NEWEST_WEIGHT * (tokens - taken.expectedTokens);
  }

  /** What the keys have taken here, for others to know; the last time that one stands at nothing included. */
  report(): ReadonlyMap<string, KeyUsage> {
    const nowMs = this.#parts.nowMs();
    const usage = new Map<string, KeyUsage>();
    for (const [keyId, taken] of this.#taken) {
      const { calls } = taken;
      const wanted = taken.countWanted();
      const one = { requests: taken.requests.sum(nowMs), tokens: taken.tokens.sum(nowMs), calls, wanted };
      const isIdle = one.requests + one.tokens + one.calls + one.wanted === 0;
      if (isIdle && taken.isToldIdle) this.#taken.delete(keyId);
      else usage.set(keyId, one);
      taken.isToldIdle = isIdle;
    }
    return usage;
  }

  /** What other replicas have taken; of keys that are not named they have taken nothing. */
  hear(elsewhere: ReadonlyMap<string, UsageElsewhere>): void {
    const heardMs = this.#parts.nowMs();
    for (const [keyId, taken] of this.#taken) {
      taken.elsewhere = elsewhere.get(keyId) ?? NOTHING;
      const limit = this.#parts.limitsOf(keyId)?.concurrentCalls;
      taken.share =
        limit === undefined ? Number.POSITIVE_INFINITY : shareOf(limit, taken.wanted, taken.elsewhere.wanted);
      taken.heardMs = heardMs;
    }
  }

  #takenBy(keyId: string): Taken {
    let taken = this.#taken.get(keyId);
    if (taken === undefined) {
      taken = new Taken();
      this.#taken.set(keyId, taken);
    }
    taken.isToldIdle = false;
    return taken;
  }
}

type Reached = Readonly<{ limit: ReachedLimit; retryAfterMs: number }>;

function findReached(taken: Taken, limits: KeyLimits, nowMs: number): Reached | undefined {
  const isNews = nowMs - taken.heardMs < HEARSAY_MS;
  const elsewhere = isNews ? taken.elsewhere : NOTHING;
  const share = isNews ? taken.share : Number.POSITIVE_INFINITY;
  const { requestsPerMinute, tokensPerMinute, concurrentCalls } = limits;
  if (concurrentCalls !== undefined && taken.calls >= Math.min(share, concurrentCalls - elsewhere.calls))
    return { limit: "concurrent_calls", retryAfterMs: PLACE_RETRY_MS };
  if (requestsPerMinute !== undefined) {
    const excess = taken.requests.sum(nowMs) + elsewhere.requests + 1 - requestsPerMinute;
    if (excess > 0)
      return { limit: "requests_per_minute", retryAfterMs: taken.requests.msUntilGone(excess, nowMs) };
  }
  if (tokensPerMinute !== undefined) {
    const next = Math.min(tokensPerMinute, Math.max(1, taken.expectedTokens));
    const underWay = (taken.calls + elsewhere.calls) * taken.expectedTokens;
    const used = taken.tokens.sum(nowMs) + elsewhere.tokens;
    const excess = Math.ceil(used + underWay + next - tokensPerMinute);
    if (excess > 0)
      return { limit: "tokens_per_minute", retryAfterMs: taken.tokens.msUntilGone(excess, nowMs) };
  }
  return undefined;
}
