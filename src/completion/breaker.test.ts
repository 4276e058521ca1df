import { describe, expect, it } from "vitest";
import { Breaker, type Ticket } from "./breaker.ts";

function pass(breaker: Breaker, nowMs: number): Ticket {
  const ticket = breaker.acquire(nowMs);
  if (ticket === undefined) throw new Error(`nothing may pass at ${nowMs}`);
  return ticket;
}

function opened(nowMs = 0): Breaker {
  const breaker = new Breaker();
  for (let call = 0; call < 5; call += 1) breaker.failed(pass(breaker, nowMs), "counts", undefined, nowMs);
  return breaker;
}

describe("a breaker", () => {
  it("opens at the fifth failure in a row, not at the fourth", () => {
    const breaker = new Breaker();
    for (let call = 0; call < 4; call += 1) breaker.failed(pass(breaker, 0), "counts", undefined, 0);
    expect(breaker.stateFor(0)).toBe("closed");
    breaker.failed(pass(breaker, 0), "counts", undefined, 0);
    expect(breaker.stateFor(0)).toBe("open");
    expect(breaker.acquire(0)).toBeUndefined();
  });

  it("begins the row again after a success; a failure of the request's own neither counts nor interrupts", () => {
    const breaker = new Breaker();
    for (let call = 0; call < 4; call += 1) breaker.failed(pass(breaker, 0), "counts", undefined, 0);
    breaker.succeeded(pass(breaker, 0), 0);
    for (let call = 0; call < 4; call += 1) breaker.failed(pass(breaker, 0), "counts", undefined, 0);
    breaker.failed(pass(breaker, 0), "ignores", undefined, 0);
    expect(breaker.stateFor(0)).toBe("closed");
    breaker.failed(pass(breaker, 0), "counts", undefined, 0);
    expect(breaker.stateFor(0)).toBe("open");
  });

  it.each([
    [19, "closed"],
    [20, "open"],
  ])("opens when half of %i calls in 30 s failed, from the 20th on: %s", (calls, state) => {
    const breaker = new Breaker();
    for (let call = 1; call <= calls; call += 1) {
      if (call % 2 === 1) breaker.succeeded(pass(breaker, call), call);
      else breaker.failed(pass(breaker, call), "counts", undefined, call);
    }
    expect(breaker.stateFor(calls)).toBe(state);
  });

  it("stays closed while fewer than half fail", () => {
    const breaker = new Breaker();
    for (let call = 0; call < 60; call += 1) {
      if (call % 5 < 3) breaker.succeeded(pass(breaker, call), call);
      else breaker.failed(pass(breaker, call), "counts", undefined, call);
    }
    expect(breaker.stateFor(60)).toBe("closed");
  });

  it.each([
    [20_000, "open"],
    [31_000, "closed"],
  ])("counts a failure for 30 s: %i ms after ten of nineteen the breaker is %s", (laterMs, state) => {
    const breaker = new Breaker();
    for (let call = 0; call < 19; call += 1) {
      if (call % 2 === 1) breaker.succeeded(pass(breaker, 0), 0);
      else breaker.failed(pass(breaker, 0), "counts", undefined, 0);
    }
    breaker.failed(pass(breaker, laterMs), "counts", undefined, laterMs);
    expect(breaker.stateFor(laterMs)).toBe(state);
  });

  it("lets one probe through after its cool-down, and no second while that is under way", () => {
    const breaker = opened();
    expect(breaker.acquire(2_999)).toBeUndefined();
    expect(breaker.stateFor(3_000)).toBe("half_open");
    pass(breaker, 3_000);
    expect(breaker.stateFor(3_000)).toBe("open");
    expect(breaker.acquire(60_000)).toBeUndefined();
  });

  it("closes with the probe's first token, long before its end", () => {
    const breaker = opened();
    breaker.firstToken(pass(breaker, 3_000));
    expect(breaker.stateFor(3_000)).toBe("closed");
    expect(breaker.acquire(3_000)).toBeDefined();
  });

  it("opens at once when the probe fails, also after its first token", () => {
    for (const speaks of [false, true]) {
      const breaker = opened();
      const probe = pass(breaker, 3_000);
      if (speaks) breaker.firstToken(probe);
      breaker.failed(probe, "counts", undefined, 4_000);
      expect(breaker.stateFor(6_999)).toBe("open");
      expect(breaker.stateFor(7_000)).toBe("half_open");
    }
  });

  it("takes any answer to a probe for a sign of life, even one that rejects the request", () => {
    const breaker = opened();
    breaker.failed(pass(breaker, 3_000), "ignores", undefined, 3_000);
    expect(breaker.stateFor(3_000)).toBe("closed");
  });

  it("lets the next probe go at once when one was given back unused", () => {
    const breaker = opened();
    breaker.released(pass(breaker, 3_000), 3_000);
    expect(breaker.acquire(3_000)).toMatchObject({ probe: true });
  });

  it("is not judged by calls that began before it opened", () => {
    const breaker = new Breaker();
    const early = Array.from({ length: 20 }, () => pass(breaker, 0));
    for (const ticket of early.slice(0, 5)) breaker.failed(ticket, "counts", undefined, 0);
    const probe = pass(breaker, 3_000);
    for (const ticket of early.slice(5, 10)) breaker.failed(ticket, "counts", undefined, 3_000);
    for (const ticket of early.slice(10, 15)) breaker.succeeded(ticket, 3_000);
    expect(breaker.acquire(3_000)).toBeUndefined();
    breaker.firstToken(probe);
    for (const ticket of early.slice(15)) breaker.failed(ticket, "counts", undefined, 3_000);
    expect(breaker.stateFor(3_000)).toBe("closed");
  });

  it("does not let a success from before it opened interrupt a row of failures since", () => {
    const breaker = new Breaker();
    const early = pass(breaker, 0);
    for (let call = 0; call < 5; call += 1) breaker.failed(pass(breaker, 0), "counts", undefined, 0);
    breaker.succeeded(pass(breaker, 3_000), 3_000);
    for (let call = 0; call < 4; call += 1) breaker.failed(pass(breaker, 3_000), "counts", undefined, 3_000);
    breaker.succeeded(early, 3_000);
    breaker.failed(pass(breaker, 3_000), "counts", undefined, 3_000);
    expect(breaker.stateFor(3_000)).toBe("open");
  });

  it("is quiet for as long as the provider asks, whoever hears it, and never less", () => {
    const breaker = new Breaker();
    const [one, two] = [pass(breaker, 0), pass(breaker, 0)];
    breaker.failed(one, "cools_down", 10_000, 0);
    breaker.failed(two, "cools_down", 5_000, 1_000);
    expect(breaker.stateFor(9_999)).toBe("open");
    expect(breaker.stateFor(10_000)).toBe("half_open");
    const late = new Breaker();
    const [three, four] = [pass(late, 0), pass(late, 0)];
    late.failed(three, "cools_down", 5_000, 0);
    late.failed(four, "cools_down", 10_000, 0);
    expect(late.stateFor(9_999)).toBe("open");
  });

  it("cools down for 4 s after a rate limit without a wait, and not at all after a wait of 0", () => {
    const unsaid = new Breaker();
    unsaid.failed(pass(unsaid, 0), "cools_down", undefined, 0);
    expect(unsaid.stateFor(3_999)).toBe("open");
    expect(unsaid.stateFor(4_000)).toBe("half_open");
    const zero = new Breaker();
    zero.failed(pass(zero, 0), "cools_down", 0, 0);
    expect(zero.stateFor(0)).toBe("closed");
  });

  it("cools down for a minute at least when the quota is gone, and for an hour at most", () => {
    const short = new Breaker();
    short.failed(pass(short, 0), "long_cool_down", 1_000, 0);
    expect(short.stateFor(59_999)).toBe("open");
    const long = new Breaker();
    long.failed(pass(long, 0), "long_cool_down", 2_147_483_647, 0);
    expect(long.stateFor(3_599_999)).toBe("open");
    expect(long.stateFor(3_600_000)).toBe("half_open");
  });

  it("stays parked until it is reset, and a late verdict from before does not park it again", () => {
    const breaker = new Breaker();
    const [one, two] = [pass(breaker, 0), pass(breaker, 0)];
    breaker.failed(one, "parks", undefined, 0);
    expect(breaker.acquire(10_000_000)).toBeUndefined();
    expect(breaker.hurry(10_000_000)).toBe(false);
    breaker.reset();
    expect(breaker.stateFor(0)).toBe("closed");
    breaker.failed(two, "parks", undefined, 0);
    expect(breaker.stateFor(0)).toBe("closed");
  });

  it("is reset out of an exhausted quota, but not out of what failures or a rate limit did", () => {
    const quota = new Breaker();
    quota.failed(pass(quota, 0), "long_cool_down", undefined, 0);
    const limited = new Breaker();
    limited.failed(pass(limited, 0), "cools_down", 5_000, 0);
    const failed = opened();
    for (const breaker of [quota, limited, failed]) breaker.reset();
    expect([quota, limited, failed].map((breaker) => breaker.stateFor(0))).toEqual([
      "closed",
      "open",
      "open",
    ]);
  });

  it("may be hurried to a probe once a second, and never against a wait the provider asked for", () => {
    const breaker = opened();
    expect(breaker.hurry(999)).toBe(false);
    expect(breaker.hurry(1_000)).toBe(true);
    const probe = pass(breaker, 1_000);
    expect(breaker.hurry(1_500)).toBe(false);
    breaker.failed(probe, "counts", undefined, 1_500);
    expect(breaker.hurry(2_499)).toBe(false);
    expect(breaker.hurry(2_500)).toBe(true);
    const limited = new Breaker();
    const [one, ...others] = Array.from({ length: 6 }, () => pass(limited, 0));
    for (const ticket of others) limited.failed(ticket, "counts", undefined, 0);
    limited.failed(one as Ticket, "cools_down", 2_000, 0);
    expect(limited.hurry(1_999)).toBe(false);
    expect(limited.hurry(2_000)).toBe(true);
  });

  it("tells of every change of state", () => {
    const changes: string[] = [];
    const breaker = new Breaker((from, to) => changes.push(`${from} > ${to}`));
    for (let call = 0; call < 5; call += 1) breaker.failed(pass(breaker, 0), "counts", undefined, 0);
    breaker.firstToken(pass(breaker, 3_000));
    expect(changes).toEqual(["closed > open", "open > half_open", "half_open > closed"]);
  });
});
