import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { complete } from "./complete.ts";
import { CALL, drain, harness, start, textOf } from "./testing/harness.ts";
import {
  bytes,
  finish,
  hang,
  headers,
  type Script,
  says,
  send,
  text,
  wait,
} from "./testing/scripted-provider.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

/** When, in ms from the start, the first target was given up, and as what. Limits are those of the tier balanced. */
async function givenUp(script: Script) {
  const engine = harness({ "a/one": [script], "b/two": [says("hello")] });
  const running = start(engine, { acceptRestart: true });
  await vi.runAllTimersAsync();
  expect(textOf(await running)).toBe("hello");
  const [call] = engine.callsTo("a/one");
  return { as: engine.attempts[0]?.outcome, afterMs: (call?.abortedMs ?? 0) - (call?.startedMs ?? 0) };
}

const repeat = (times: number, ...moves: Script): Script => Array.from({ length: times }, () => moves).flat();

describe("an attempt is given up", () => {
  it("10 s after it began without headers", async () => {
    expect(await givenUp([hang])).toEqual({ as: "header_timeout", afterMs: 10_000 });
  });

  it("15 s after it began without a first token, headers or not, pings or not", async () => {
    expect(await givenUp([headers, hang])).toEqual({ as: "first_token_timeout", afterMs: 15_000 });
    expect(await givenUp([headers, ...repeat(20, wait(1_000), bytes)])).toEqual({
      as: "first_token_timeout",
      afterMs: 15_000,
    });
  });

  it("15 s after its last byte", async () => {
    const script = [headers, send(text("x")), wait(9_000), bytes, wait(9_000), bytes, hang];
    expect(await givenUp(script)).toEqual({ as: "byte_silence", afterMs: 33_000 });
  });

  it("by its silence, though the limit on its first token would have been later", async () => {
    const engine = harness({ "a/one": [[headers, wait(12_000), send(text("x")), hang]] });
    const { balanced } = engine.config.tiers;
    const patient = { ...balanced, timers: { ...balanced.timers, firstTokenMs: 45_000 } };
    const config = { ...engine.config, tiers: { ...engine.config.tiers, balanced: patient } };
    const { providers } = engine.deps.snapshot(CALL);
    const running = drain(complete(CALL, { ...engine.deps, snapshot: () => ({ config, providers }) }));
    await vi.runAllTimersAsync();
    await running;
    expect(engine.attempts).toMatchObject([{ outcome: "byte_silence", latencyMs: 27_000 }]);
  });

  it("by what its model has of its own, and by its tier's limits for the rest", async () => {
    const engine = harness(
      { "a/one": [[hang]], "b/two": [[headers, hang]] },
      { config: { modelTimers: { "a/one": { headersMs: 2_000 }, "b/two": { headersMs: 1 } } } },
    );
    const running = start(engine);
    await vi.runAllTimersAsync();
    await running;
    expect(engine.attempts).toMatchObject([
      { outcome: "header_timeout", latencyMs: 2_000 },
      { outcome: "first_token_timeout", latencyMs: 15_000 },
    ]);
  });

  it("60 s after its last content, although bytes go on coming", async () => {
    const script = [
      headers,
      send(text("x")),
      wait(5_000),
      send(text("y")),
      ...repeat(30, wait(5_000), bytes),
    ];
    expect(await givenUp(script)).toEqual({ as: "content_silence", afterMs: 65_000 });
  });

  it("when it says far more than it was asked for", async () => {
    const endless = repeat(2_000, send(text("word ")));
    expect(await givenUp([headers, ...endless, hang])).toMatchObject({ as: "output_limit", afterMs: 0 });
  });

  it("never for being slow and steady", async () => {
    const engine = harness({
      "a/one": [[headers, ...repeat(30, wait(9_000), send(text("x"))), send(finish())]],
    });
    const running = start(engine, { timeoutMs: 900_000 });
    await vi.runAllTimersAsync();
    expect(textOf(await running)).toHaveLength(30);
  });

  it("never for the caller's own slowness, which is not in its latency either", async () => {
    const engine = harness({
      "a/one": [[headers, send(text("x")), wait(100), send(text("y")), send(finish())]],
    });
    const stream = complete(CALL, engine.deps);
    for (let isDone = false; !isDone; ) {
      const next = stream.next();
      await vi.advanceTimersByTimeAsync(100);
      isDone = (await next).done === true;
      await vi.advanceTimersByTimeAsync(40_000);
    }
    expect(engine.executions).toMatchObject([{ status: "ok" }]);
    expect(engine.attempts[0]?.latencyMs).toBe(100);
    expect(engine.executions[0]?.latencyMs).toBeGreaterThan(80_000);
  });

  it("by one timer of its own, however many tokens come", async () => {
    const engine = harness({
      "a/one": [[headers, ...repeat(50, send(text("x")), send(text("y"))), send(finish())]],
    });
    const set = vi.fn(setTimeout);
    vi.stubGlobal("setTimeout", set);
    const running = start(engine);
    await vi.runAllTimersAsync();
    await running;
    const [deadline, ...limits] = set.mock.calls.map(([, ms]) => ms);
    expect(deadline).toBe(300_000);
    expect(limits.length).toBeLessThanOrEqual(2);
    vi.unstubAllGlobals();
  });
});
