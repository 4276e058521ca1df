import { describe, expect, it } from "vitest";
import { type BreakerChange, type Permit, TargetHealth } from "./target-health.ts";

const ONE = { provider: "a", model: "one" };
const TWO = { provider: "b", model: "two" };

function setUp() {
  const clock = { nowMs: 0 };
  const changes: BreakerChange[] = [];
  const health = new TargetHealth(
    () => clock.nowMs,
    (change) => changes.push(change),
  );
  const permit = (target = ONE): Permit => {
    const given = health.acquire(target);
    if (given === undefined) throw new Error("no permit");
    return given;
  };
  const open = (target = ONE) => {
    for (let call = 0; call < 5; call += 1) permit(target).failed("overloaded", {});
  };
  return { clock, changes, health, permit, open };
}

describe("what the router is told", () => {
  it("is the same map until something changes", () => {
    const { clock, health, open } = setUp();
    open(TWO);
    const before = health.states();
    clock.nowMs = 2_999;
    expect(health.states()).toBe(before);
    open(ONE);
    expect(health.states().get("a/one")).toEqual({ breaker: "open", calls: 0 });
  });

  it("turns from open to half open when the cool-down is over, and back while the probe is under way", () => {
    const { clock, health, permit, open } = setUp();
    open();
    expect(health.states().get("a/one")?.breaker).toBe("open");
    clock.nowMs = 3_000;
    expect(health.states().get("a/one")?.breaker).toBe("half_open");
    const probe = permit();
    expect(health.states().get("a/one")?.breaker).toBe("open");
    probe.firstToken(5);
    expect(health.states().get("a/one")?.breaker).toBe("closed");
  });

  it("holds a median from the 20th call on, a second late at most", () => {
    const { clock, health, permit } = setUp();
    for (let latencyMs = 1; latencyMs <= 19; latencyMs += 1) permit().succeeded(latencyMs);
    clock.nowMs = 1_000;
    expect(health.states().get("a/one")).toEqual({ breaker: "closed", calls: 19 });
    permit().succeeded(20);
    clock.nowMs = 2_000;
    expect(health.states().get("a/one")).toEqual({ breaker: "closed", calls: 20, latencyP50Ms: 10 });
  });

  it("holds the 95th percentile of first tokens from the 20th on, those of answers that broke off included", () => {
    const { clock, health, permit } = setUp();
    for (let ttftMs = 1; ttftMs <= 19; ttftMs += 1) permit().firstToken(ttftMs);
    clock.nowMs = 1_000;
    expect(health.states().get("a/one")).toEqual({ breaker: "closed", calls: 0 });
    permit().firstToken(20);
    clock.nowMs = 2_000;
    expect(health.states().get("a/one")).toEqual({ breaker: "closed", calls: 0, ttftP95Ms: 19 });
  });

  it("counts a first token that was not waited for as one that took longer than that", () => {
    const { clock, health, permit } = setUp();
    for (let call = 0; call < 18; call += 1) {
      permit(ONE).firstToken(10);
      permit(TWO).firstToken(10);
    }
    for (let call = 0; call < 2; call += 1) {
      permit(ONE).outpaced(700);
      const spoken = permit(TWO);
      spoken.firstToken(10);
      spoken.outpaced(900);
    }
    clock.nowMs = 1_000;
    expect(health.states().get("a/one")?.ttftP95Ms).toBe(700);
    expect(health.states().get("b/two")?.ttftP95Ms).toBe(10);
  });

  it("forgets what is older than an hour", () => {
    const { clock, health, permit } = setUp();
    for (let call = 0; call < 20; call += 1) permit().succeeded(5);
    clock.nowMs = 3_600_001;
    expect(health.states().get("a/one")).toEqual({ breaker: "closed", calls: 0 });
  });
});

describe("a permit", () => {
  it("counts its first verdict only", () => {
    const { health, permit } = setUp();
    for (let call = 0; call < 4; call += 1) permit().failed("overloaded", {});
    const fifth = permit();
    fifth.release();
    fifth.failed("overloaded", {});
    expect(health.waitMs(ONE)).toBe(0);
  });

  it("keeps targets apart", () => {
    const { health, open } = setUp();
    open(ONE);
    expect(health.acquire(ONE)).toBeUndefined();
    expect(health.acquire(TWO)).toBeDefined();
  });
});

describe("the wait for a target", () => {
  it("is that of the one that comes back first", () => {
    const { clock, health, permit, open } = setUp();
    open(ONE);
    permit(TWO).failed("rate_limited", { retryAfterMs: 30_000 });
    clock.nowMs = 500;
    expect(health.findRetryAfterMs([ONE, TWO])).toBe(2_500);
    expect(health.findRetryAfterMs([TWO])).toBe(29_500);
  });

  it("is not known when a target is free, or when only the operator can free it", () => {
    const { health, permit, open } = setUp();
    open(ONE);
    expect(health.findRetryAfterMs([ONE, TWO])).toBeUndefined();
    permit(TWO).failed("unauthenticated", {});
    expect(health.findRetryAfterMs([TWO])).toBeUndefined();
    health.reset();
    expect(health.acquire(TWO)).toBeDefined();
  });
});

it("tells of every change with the target's own name", () => {
  const { changes, open } = setUp();
  open(TWO);
  expect(changes).toEqual([{ target: TWO, from: "closed", to: "open" }]);
});

describe("ever more models, whose names callers make up", () => {
  it("are not all kept: the one that was asked longest ago is forgotten, the one in use is not", () => {
    const { clock, health, permit } = setUp();
    permit(ONE).succeeded(100);
    permit(TWO).succeeded(100);
    for (let index = 0; index < 2_000; index += 1) {
      clock.nowMs += 1;
      permit(ONE).succeeded(100);
      permit({ provider: "own", model: `made-up-${index}` }).failed("overloaded", {});
    }
    clock.nowMs += 60_000;
    const states = health.states();
    expect(states.size).toBeLessThanOrEqual(512);
    expect(states.get("a/one")?.calls).toBeGreaterThan(100);
    expect(states.has("b/two")).toBe(false);
  });
});
