import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RetryBudget } from "./retry-budget.ts";
import { SlidingCount } from "./sliding-count.ts";

const taken = (budget: RetryBudget, nowMs: number, wanted: number): number =>
  Array.from({ length: wanted }, () => budget.tryTake(nowMs)).filter(Boolean).length;

const slotOf = (atMs: number): number => Math.floor(atMs / 1_000);

describe("the retry budget", () => {
  it("has room for three a second when there is little traffic", () => {
    const budget = new RetryBudget();
    expect(taken(budget, 0, 100)).toBe(30);
    expect(taken(budget, 9_999, 100)).toBe(0);
    expect(taken(budget, 10_000, 100)).toBe(30);
  });

  it("has room for one call in ten when there is much", () => {
    const budget = new RetryBudget();
    for (let call = 0; call < 1_000; call += 1) budget.countCall(call);
    expect(taken(budget, 1_000, 1_000)).toBe(100);
  });

  it("never gives more than the larger of both over any ten seconds", () => {
    const event = fc.record({ afterMs: fc.nat(2_000), calls: fc.nat(300), wanted: fc.nat(60) });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        const budget = new RetryBudget();
        const log: { atMs: number; calls: number; retries: number }[] = [];
        let nowMs = 0;
        for (const { afterMs, calls, wanted } of events) {
          nowMs += afterMs;
          for (let call = 0; call < calls; call += 1) budget.countCall(nowMs);
          log.push({ atMs: nowMs, calls, retries: taken(budget, nowMs, wanted) });
        }
        for (const last of log.filter(({ retries }) => retries > 0)) {
          const recent = log.filter(({ atMs }) => atMs <= last.atMs && slotOf(atMs) > slotOf(last.atMs) - 10);
          const sum = (of: "calls" | "retries") => recent.reduce((total, entry) => total + entry[of], 0);
          expect(sum("retries")).toBeLessThanOrEqual(Math.max(30, sum("calls") / 10));
        }
      }),
    );
  });
});

describe("a sliding count", () => {
  it("holds what happened within its window, to the slot", () => {
    const step = fc.nat(3_000);
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 50 }), (steps) => {
        const count = new SlidingCount(10_000, 10);
        const times: number[] = [];
        let nowMs = 0;
        for (const stepMs of steps) {
          nowMs += stepMs;
          count.add(nowMs);
          times.push(nowMs);
        }
        const oldestSlot = Math.floor(nowMs / 1_000) - 9;
        expect(count.total(nowMs)).toBe(
          times.filter((time) => Math.floor(time / 1_000) >= oldestSlot).length,
        );
        expect(count.total(nowMs + 10_000)).toBe(0);
      }),
    );
  });
});
