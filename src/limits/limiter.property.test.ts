import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Hold, Limiter } from "./limiter.ts";
import { RateLimitError } from "./rate-limit-error.ts";
import type { KeyLimits } from "./types.ts";

const MINUTE_MS = 60_000;

function setUp(limits: KeyLimits | undefined) {
  const clock = { nowMs: 0 };
  const limiter = new Limiter({ limitsOf: () => limits, nowMs: () => clock.nowMs });
  /** A hold, or why there is none. */
  const enter = (): Hold | RateLimitError | undefined => {
    try {
      return limiter.enter("key");
    } catch (error) {
      if (error instanceof RateLimitError) return error;
      throw error;
    }
  };
  return { clock, limiter, enter };
}

const gaps = (mostMs: number) => fc.array(fc.integer({ min: 0, max: mostMs }), { maxLength: 200 });

describe("requests a minute", () => {
  it("are never more than the limit in any sixty seconds, and a call that fits is never refused", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), gaps(8_000), (requestsPerMinute, waits) => {
        const { clock, enter } = setUp({ requestsPerMinute });
        const taken: number[] = [];
        for (const waitMs of waits) {
          clock.nowMs += waitMs;
          const since = (ms: number) => taken.filter((atMs) => clock.nowMs - atMs < ms).length;
          const entered = enter();
          if (entered instanceof RateLimitError) {
            // A second that has begun counts whole.
            expect(since(MINUTE_MS + 1_000)).toBe(requestsPerMinute);
          } else {
            taken.push(clock.nowMs);
            expect(since(MINUTE_MS)).toBeLessThanOrEqual(requestsPerMinute);
          }
        }
      }),
    );
  });

  it("fit again after exactly the time that a refusal names", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), gaps(3_000), (requestsPerMinute, waits) => {
        const { clock, enter } = setUp({ requestsPerMinute });
        for (const waitMs of waits) {
          clock.nowMs += waitMs;
          const entered = enter();
          if (!(entered instanceof RateLimitError)) continue;
          clock.nowMs += entered.retryAfterMs - 1;
          expect(enter()).toBeInstanceOf(RateLimitError);
          clock.nowMs += 1;
          expect(enter()).not.toBeInstanceOf(RateLimitError);
        }
      }),
    );
  });

  it("do not count calls that the service had no room for", () => {
    const { clock, enter } = setUp({ requestsPerMinute: 1 });
    for (let call = 0; call < 5; call += 1) {
      clock.nowMs += 700;
      const hold = enter() as Hold;
      clock.nowMs += 700;
      hold.cancel(clock.nowMs);
    }
    enter();
    expect(enter()).toBeInstanceOf(RateLimitError);
  });
});

describe("tokens a minute", () => {
  it("are exceeded by no more than what the calls under way used beyond what was to be expected", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1_000, max: 10_000 }),
        fc.array(fc.record({ waitMs: fc.nat(5_000), tokens: fc.integer({ min: 1, max: 900 }) })),
        (tokensPerMinute, calls) => {
          const { clock, limiter, enter } = setUp({ tokensPerMinute });
          const used: { atMs: number; tokens: number }[] = [];
          for (const { waitMs, tokens } of calls) {
            clock.nowMs += waitMs;
            const hold = enter();
            if (hold instanceof RateLimitError) continue;
            limiter.charge("key", tokens);
            hold?.leave();
            used.push({ atMs: clock.nowMs, tokens });
            const inAMinute = used.filter(({ atMs }) => clock.nowMs - atMs < MINUTE_MS);
            const sum = inAMinute.reduce((all, one) => all + one.tokens, 0);
            expect(sum).toBeLessThanOrEqual(tokensPerMinute + 900);
          }
        },
      ),
    );
  });

  it("of calls under way are expected to be like those of the last ones", () => {
    const { limiter, enter } = setUp({ tokensPerMinute: 1_000 });
    for (let call = 0; call < 60; call += 1) {
      (enter() as Hold).leave();
      limiter.charge("key", 10);
    }
    // 600 are used; of calls of 10 tokens 40 more fit, however many ask.
    const entered = Array.from({ length: 200 }, enter);
    expect(entered.filter((one) => !(one instanceof RateLimitError))).toHaveLength(40);
    expect(entered.at(-1)).toMatchObject({ limit: "tokens_per_minute", most: 1_000 });
  });

  it("let a call through whatever the last ones used, once nothing was used for a minute", () => {
    const { clock, limiter, enter } = setUp({ tokensPerMinute: 100 });
    (enter() as Hold).leave();
    limiter.charge("key", 5_000);
    const refused = enter() as RateLimitError;
    expect(refused.limit).toBe("tokens_per_minute");
    clock.nowMs += refused.retryAfterMs;
    expect(enter()).not.toBeInstanceOf(RateLimitError);
  });
});

describe("calls at a time", () => {
  it("are never more than the limit, and every place comes back once", () => {
    const anEvent = fc.oneof(fc.constant("enter" as const), fc.nat(30));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(anEvent), (concurrentCalls, events) => {
        const { enter } = setUp({ concurrentCalls });
        const held: Hold[] = [];
        const left = new Set<Hold>();
        for (const event of events) {
          if (event === "enter") {
            const hold = enter();
            const isFull = held.length - left.size === concurrentCalls;
            expect(hold instanceof RateLimitError).toBe(isFull);
            if (hold !== undefined && !(hold instanceof RateLimitError)) held.push(hold);
          } else if (held[event] !== undefined) {
            held[event].leave();
            held[event].leave();
            left.add(held[event]);
          }
        }
      }),
    );
  });
});

const NOBODY = { requests: 0, tokens: 0, calls: 0, wanted: { before: [], after: [] } };

describe("several replicas", () => {
  it("keep to their shares of the calls at a time when calls end together, and give them up when they want none", () => {
    const { limiter, enter } = setUp({ concurrentCalls: 12 });
    const told = (...wants: readonly number[]) => {
      limiter.report();
      limiter.hear(new Map([["key", { ...NOBODY, wanted: { before: wants, after: [] } }]]));
    };
    const fill = (): readonly Hold[] =>
      Array.from({ length: 15 }, enter).filter((hold): hold is Hold => !(hold instanceof RateLimitError));
    expect(fill().map((hold) => hold.leave())).toHaveLength(12); // knows of nobody
    told(12, 30);
    expect(fill().map((hold) => hold.leave())).toHaveLength(4);
    told(12, 1);
    expect(fill().map((hold) => hold.leave())).toHaveLength(6);
    told(0, 0);
    expect(fill()).toHaveLength(12);
  });

  it("count what the others have told, for as long as it may be in the minute", () => {
    const { clock, limiter, enter } = setUp({ requestsPerMinute: 10 });
    for (let call = 0; call < 4; call += 1) enter();
    limiter.hear(new Map([["key", { ...NOBODY, requests: 5 }]]));
    expect(enter()).not.toBeInstanceOf(RateLimitError);
    expect(enter()).toBeInstanceOf(RateLimitError);
    limiter.hear(new Map());
    expect(enter()).not.toBeInstanceOf(RateLimitError);
    limiter.hear(new Map([["key", { ...NOBODY, requests: 500 }]]));
    clock.nowMs += MINUTE_MS;
    expect(enter()).not.toBeInstanceOf(RateLimitError);
  });

  it("hear of what is taken here, and once that it is over", () => {
    const { clock, limiter, enter } = setUp({ requestsPerMinute: 10 });
    expect(limiter.report().size).toBe(0);
    const hold = enter() as Hold;
    limiter.charge("key", 7);
    expect(limiter.report().get("key")).toEqual({ requests: 1, tokens: 7, calls: 1, wanted: 1 });
    hold.leave();
    clock.nowMs += MINUTE_MS + 1_000;
    expect(limiter.report().get("key")?.wanted).toBe(1); // a moment ago
    limiter.report();
    expect(limiter.report().get("key")).toEqual({ requests: 0, tokens: 0, calls: 0, wanted: 0 });
    expect(limiter.report().size).toBe(0);
  });
});

it("takes every call of a key without limits, and keeps nothing of it", () => {
  const { limiter, enter } = setUp(undefined);
  for (let call = 0; call < 1_000; call += 1) expect(enter()).toBeUndefined();
  limiter.charge("key", 1);
  expect(limiter.report().size).toBe(0);
});
