import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { turnFor } from "./player.ts";

describe("the pace of a stream", () => {
  it("is the rate that was asked for, in turns that a timer can keep", () => {
    const pace = fc.record({
      tokensPerSecond: fc.double({ min: 0.1, max: 1e6, noNaN: true }),
      burst: fc.integer({ min: 1, max: 100 }),
    });
    fc.assert(
      fc.property(pace, ({ tokensPerSecond, burst }) => {
        const { tokens, everyMs } = turnFor({ tokensPerSecond, burst });
        expect((tokens * 1000) / everyMs).toBeCloseTo(tokensPerSecond, 5);
        expect(tokens).toBeGreaterThanOrEqual(burst);
        expect(everyMs).toBeGreaterThanOrEqual(4.999);
      }),
    );
  });

  it("has no pause at an infinite rate", () => {
    expect(turnFor({ tokensPerSecond: Number.POSITIVE_INFINITY, burst: 1 }).everyMs).toBe(0);
  });
});
