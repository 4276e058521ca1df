import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PRESETS } from "../routing/presets.ts";
import { complete } from "./complete.ts";
import { CALL, completedOf, drain, harness, settle, start, textOf } from "./testing/harness.ts";
import { crash, fail, headers, says, wait } from "./testing/scripted-provider.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe("a failure before the first token", () => {
  it("moves on at once, in the same array that tells of it", async () => {
    const engine = harness({ "a/one": [[fail("overloaded", { status: 529 })]], "b/two": [says("hello")] });
    const ran = await settle(start(engine));
    expect(ran.batches[1]).toEqual([
      {
        kind: "attempt_failed",
        attempt: 1,
        target: { provider: "a", model: "one" },
        failure: "overloaded",
        details: { status: 529 },
        willContinue: true,
      },
      { kind: "attempt_started", attempt: 2, target: { provider: "b", model: "two" } },
    ]);
    expect(ran.atMs.at(-1)).toBe(ran.atMs[0]);
    expect(completedOf(ran)?.served).toEqual({ provider: "b", model: "two" });
  });

  it("leaves on record what led to each attempt, and when its headers came", async () => {
    const limited = [wait(30), headers, wait(5), fail("rate_limited", { retryAfterMs: 0 })];
    const engine = harness({
      "a/one": [limited, limited],
      "b/two": [[wait(70), ...says("hello")]],
    });
    await settle(start(engine));
    expect(engine.attempts.map(({ kind, headersMs }) => ({ kind, headersMs }))).toEqual([
      { kind: "first", headersMs: 30 },
      { kind: "retry", headersMs: 30 },
      { kind: "fallback", headersMs: 70 },
    ]);
  });

  it("is no success when the stream ends without the provider's own end", async () => {
    const engine = harness({ "a/one": [[headers]] });
    const ran = await settle(start(engine));
    expect(ran.error).toMatchObject({ code: "UNAVAILABLE", reason: "STREAM_TRUNCATED" });
  });

  it("is a protocol failure when an adapter breaks, and its message goes nowhere", async () => {
    const engine = harness({ "a/one": [[crash]], "b/two": [says("hello")] });
    const ran = await settle(start(engine));
    expect(textOf(ran)).toBe("hello");
    expect(ran.events).toContainEqual(
      expect.objectContaining({
        failure: "protocol",
        details: { explanation: "the adapter failed with TypeError" },
      }),
    );
    expect(JSON.stringify([ran.events, engine.executions], bigintAsText)).not.toContain("canary");
  });

  it("waits as long as a rate limit asks, no less, and asks again once", async () => {
    const engine = harness({
      "a/one": [[headers, fail("rate_limited", { retryAfterMs: 2_000 })], says("hello")],
    });
    const ran = await settle(start(engine));
    const [first, second] = engine.callsTo("a/one").map(({ startedMs }) => startedMs);
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(2_000);
    expect((second ?? 0) - (first ?? 0)).toBeLessThanOrEqual(2_400);
    expect(textOf(ran)).toBe("hello");
    expect(completedOf(ran)).toMatchObject({ overheadMs: 0 });
  });

  it("takes a Retry-After of 0 at its word", async () => {
    const engine = harness({ "a/one": [[fail("rate_limited", { retryAfterMs: 0 })], says("hello")] });
    const ran = await settle(start(engine));
    expect(textOf(ran)).toBe("hello");
    expect(ran.atMs.at(-1)).toBe(ran.atMs[0]);
  });

  it("does not wait past the caller's deadline", async () => {
    const engine = harness({
      "a/one": [[fail("rate_limited", { retryAfterMs: 1_500 })]],
      "b/two": [says("hello")],
    });
    const ran = await settle(start(engine, { timeoutMs: 1_000 }));
    expect(engine.asked()).toEqual(["a/one", "b/two"]);
    expect(textOf(ran)).toBe("hello");
  });

  it.each([
    [0, 100],
    [0.5, 250],
    [1, 400],
  ])("asks again after a server error with full jitter: chance %f waits %f ms", async (random, waitMs) => {
    const engine = harness({ "a/one": [[fail("server_error")], says("hello")] }, { random });
    await settle(start(engine));
    const [first, second] = engine.callsTo("a/one").map(({ startedMs }) => startedMs);
    expect((second ?? 0) - (first ?? 0)).toBe(waitMs);
  });

  it("does not come back to a failing server before the time that it names", async () => {
    const named = (retryAfterMs: number) => [fail("server_error", { status: 503, retryAfterMs })];
    const soon = harness({ "a/one": [named(1_000), says("hello")] });
    await settle(start(soon));
    const [first, second] = soon.callsTo("a/one").map(({ startedMs }) => startedMs);
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(1_000);
    const late = harness({ "a/one": [named(10_000)], "b/two": [says("hello")] });
    await settle(start(late));
    expect(late.asked()).toEqual(["a/one", "b/two"]);
  });

  it("looks for a larger window when the messages do not fit, and passes over the others", async () => {
    const tooLong = [fail("context_length")];
    const engine = harness(
      { "a/one": [tooLong], "b/same": [says("no")], "c/small": [says("no")], "d/large": [says("hello")] },
      { windows: { "a/one": 100_000, "b/same": 100_000, "c/small": 8_000, "d/large": 200_000 } },
    );
    expect(textOf(await settle(start(engine)))).toBe("hello");
    expect(engine.asked()).toEqual(["a/one", "d/large"]);
  });

  it("keeps looking for larger windows only, also after the larger one failed otherwise", async () => {
    const engine = harness(
      { "a/one": [[fail("context_length")]], "b/large": [[fail("overloaded")]], "c/small": [says("no")] },
      { windows: { "a/one": 100_000, "b/large": 200_000, "c/small": 100_000 } },
    );
    const ran = await settle(start(engine));
    expect(engine.asked()).toEqual(["a/one", "b/large"]);
    expect(ran.error).toMatchObject({ code: "INVALID_ARGUMENT", reason: "CONTEXT_LENGTH" });
  });

  it("tells the caller the first failure, which the others only followed", async () => {
    const engine = harness({ "a/one": [[fail("overloaded")]], "b/two": [[fail("rejected")]] });
    const { error } = await settle(start(engine));
    expect(error).toMatchObject({ code: "UNAVAILABLE", reason: "PROVIDER_OVERLOADED" });
    expect(error?.failures.map(({ failure }) => failure)).toEqual(["overloaded", "rejected"]);
  });

  it("tells the caller of a refusal wherever it came", async () => {
    const engine = harness({ "a/one": [[fail("overloaded")]], "b/two": [[fail("content_filtered")]] });
    const { error } = await settle(start(engine));
    expect(error).toMatchObject({ code: "FAILED_PRECONDITION", reason: "CONTENT_FILTERED" });
  });

  it("passes a rate limit's wait on when nothing else is left", async () => {
    const engine = harness({ "a/one": [[fail("rate_limited", { retryAfterMs: 30_000 })]] });
    const { error } = await settle(start(engine));
    expect(error).toMatchObject({ code: "RESOURCE_EXHAUSTED", retryAfterMs: 30_000 });
  });

  it("moves on after a wait when another call took the probe meanwhile", async () => {
    const limited = [headers, fail("rate_limited", { retryAfterMs: 1_000 })];
    const engine = harness({
      "a/one": [limited, limited, [wait(5_000), ...says("probe")]],
      "b/two": [says("hello")],
    });
    const [first, second] = [start(engine), start(engine)];
    await vi.runAllTimersAsync();
    expect([textOf(await first), textOf(await second)]).toEqual(["probe", "hello"]);
    expect(engine.fallbacks).toEqual([{ from: "a/one", to: "b/two", failure: "rate_limited" }]);
  });

  it("does not wait for a target that this failure has just ruled out", async () => {
    const engine = harness({
      "a/one": [...Array(4).fill([fail("overloaded")]), [fail("server_error")]],
      "b/two": [says("hello")],
    });
    for (let call = 0; call < 4; call += 1) await settle(start(engine));
    const ran = await settle(start(engine));
    expect(engine.callsTo("a/one")).toHaveLength(5);
    expect(ran.atMs.at(-1)).toBe(ran.atMs[0]);
  });
});

describe("the limits of one call", () => {
  it("makes at most three attempts", async () => {
    const engine = harness({
      "a/1": [[fail("overloaded")]],
      "b/2": [[fail("overloaded")]],
      "c/3": [[fail("overloaded")]],
      "d/4": [says("no")],
    });
    const { error } = await settle(start(engine));
    expect(engine.asked()).toEqual(["a/1", "b/2", "c/3"]);
    expect(error?.attempts).toHaveLength(3);
  });

  it("makes at most two at one provider, whatever its models", async () => {
    const engine = harness({
      "a/1": [[fail("overloaded")]],
      "a/2": [[fail("overloaded")]],
      "a/3": [says("no")],
      "b/1": [says("hello")],
    });
    expect(textOf(await settle(start(engine)))).toBe("hello");
    expect(engine.asked()).toEqual(["a/1", "a/2", "b/1"]);
  });

  it("takes both from the configuration", async () => {
    const engine = harness(
      { "a/1": [[fail("overloaded")]], "b/2": [says("no")] },
      { config: { maxAttempts: 1 } },
    );
    await settle(start(engine));
    expect(engine.asked()).toEqual(["a/1"]);
  });

  it("takes both from the tier where that has limits of its own", async () => {
    const { tiers } = PRESETS.classic;
    const limited = { ...tiers, balanced: { ...tiers.balanced, limits: { maxAttempts: 1 } } };
    const scripts = { "a/1": [[fail("overloaded")]], "b/2": [says("hello")] };
    const engine = harness(scripts, { config: { tiers: limited } });
    await settle(start(engine));
    expect(engine.asked()).toEqual(["a/1"]);
    const others = harness(scripts, { config: { tiers: { ...limited, balanced: tiers.balanced } } });
    await settle(start(others));
    expect(others.asked()).toEqual(["a/1", "b/2"]);
  });

  it("passes over a provider that has gone since the decision", async () => {
    const engine = harness({ "a/1": [says("no")], "b/2": [says("hello")] });
    const { config, providers } = engine.deps.snapshot(CALL);
    const left = new Map([...providers].filter(([id]) => id === "b"));
    const ran = await settle(
      drain(complete(CALL, { ...engine.deps, snapshot: () => ({ config, providers: left }) })),
    );
    expect(textOf(ran)).toBe("hello");
  });

  it("moves on without a retry once the process has spent its budget for them", async () => {
    const engine = harness({ "a/one": [[fail("server_error")]], "b/two": [says("hello")] });
    while (engine.deps.retryBudget.tryTake(performance.now()));
    await settle(start(engine));
    expect(engine.asked()).toEqual(["a/one", "b/two"]);
  });

  it("asks each target again once, also where more would be allowed", async () => {
    const config = { maxAttempts: 9, maxAttemptsPerProvider: 9 };
    const engine = harness(
      { "a/1": [[fail("server_error")]], "b/2": [[fail("server_error")], says("hello")] },
      { config },
    );
    expect(textOf(await settle(start(engine)))).toBe("hello");
    expect(engine.asked()).toEqual(["a/1", "a/1", "b/2", "b/2"]);
  });

  it("has more room for retries the more calls the process takes", async () => {
    const engine = harness({
      "a/one": [...Array(310).fill(says("hi")), [fail("server_error")], says("hello")],
    });
    while (engine.deps.retryBudget.tryTake(performance.now()));
    for (let call = 0; call < 310; call += 1) await settle(start(engine));
    expect(textOf(await settle(start(engine)))).toBe("hello");
  });
});
const bigintAsText = (_: string, value: unknown): unknown =>
  typeof value === "bigint" ? String(value) : value;
