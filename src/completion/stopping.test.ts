import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PRESETS } from "../routing/presets.ts";
import { complete } from "./complete.ts";
import { CALL, drain, harness, kindsOf, settle, start, textOf } from "./testing/harness.ts";
import { fail, finish, hang, headers, says, send, text, wait } from "./testing/scripted-provider.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe("a call that is stopped", () => {
  it("closes upstream in the very tick in which the caller goes, and tries nothing more", async () => {
    const engine = harness({
      "a/one": [[headers, wait(50), send(text("par")), hang]],
      "b/two": [says("no")],
    });
    const caller = new AbortController();
    const running = start(engine, { signal: caller.signal });
    await vi.advanceTimersByTimeAsync(80);
    caller.abort();
    expect(engine.callsTo("a/one")[0]?.abortedMs).toBe(performance.now());
    const ran = await settle(running);
    expect(ran.error).toMatchObject({ code: "CANCELLED", partial: true, deliveredTokens: 1 });
    expect(engine.callsTo("b/two")).toEqual([]);
    expect(engine.executions).toHaveLength(1);
    expect(engine.executions[0]).toMatchObject({
      status: "cancelled",
      failureReason: "CANCELLED",
      usageSource: "PARTIAL",
      attempts: [
        { outcome: "cancelled", usageSource: "PARTIAL", tokens: { freshInputTokens: 40, outputTokens: 1 } },
      ],
    });
  });

  it("is recorded when it is cancelled, though the caller never comes back for the rest", async () => {
    const engine = harness({ "a/one": [[headers, send(text("par")), hang]] });
    const caller = new AbortController();
    const stream = complete({ ...CALL, signal: caller.signal }, engine.deps);
    await stream.next();
    await stream.next();
    caller.abort();
    expect(engine.executions).toMatchObject([{ status: "cancelled", attempts: [{ outcome: "cancelled" }] }]);
    expect(engine.callsTo("a/one")[0]?.abortedMs).toBeDefined();
  });

  it("counts as cancelled when the caller stops reading", async () => {
    const engine = harness({ "a/one": [[headers, send(text("par")), hang]] });
    for await (const batch of complete(CALL, engine.deps)) {
      if (batch.some(({ kind }) => kind === "text")) break;
    }
    expect(engine.executions).toMatchObject([{ status: "cancelled", attempts: [{ outcome: "cancelled" }] }]);
    expect(engine.callsTo("a/one")[0]?.abortedMs).toBeDefined();
  });

  it("asks nobody when the caller went before it began, or gave it no time", async () => {
    const engine = harness({ "a/one": [says("no")] });
    const gone = await settle(start(engine, { signal: AbortSignal.abort() }));
    const late = await settle(start(engine, { timeoutMs: 0 }));
    expect(gone.error?.code).toBe("CANCELLED");
    expect(late.error?.code).toBe("DEADLINE_EXCEEDED");
    expect(engine.asked()).toEqual([]);
    expect(engine.executions).toMatchObject([
      { status: "cancelled", attempts: [], costNanoUsd: 0n },
      { status: "deadline_exceeded", attempts: [], costNanoUsd: 0n },
    ]);
  });

  it("ends at the caller's deadline, and the breaker takes no notice", async () => {
    const engine = harness({ "a/one": [[hang]] });
    for (let call = 0; call < 6; call += 1) {
      const ran = await settle(start(engine, { timeoutMs: 50 }));
      expect(ran.error).toMatchObject({ code: "DEADLINE_EXCEEDED", partial: false });
    }
    const [call] = engine.callsTo("a/one");
    expect((call?.abortedMs ?? 0) - (call?.startedMs ?? 0)).toBe(50);
    expect(engine.health.states().get("a/one")?.breaker).toBe("closed");
    expect(engine.attempts[0]).toMatchObject({ outcome: "deadline_exceeded", usageSource: "PARTIAL" });
  });

  it.each([
    [50, 25, "CANCELLED"],
    [50, 45, "DEADLINE_EXCEEDED"],
    [1_000, 890, "CANCELLED"],
    [1_000, 910, "DEADLINE_EXCEEDED"],
    [5_000, 4_890, "CANCELLED"],
    [5_000, 4_910, "DEADLINE_EXCEEDED"],
  ])("given %i ms it takes a hang-up after %i ms for %s", async (timeoutMs, afterMs, code) => {
    const engine = harness({ "a/one": [[hang]] });
    const listener = new AbortController();
    setTimeout(() => listener.abort(), afterMs);
    const ran = await settle(start(engine, { timeoutMs, signal: listener.signal }));
    expect(ran.error?.code).toBe(code);
  });

  it.each([
    [undefined, 300_000],
    [10_000_000, 900_000],
  ])("given %s ms it takes no longer than %i ms", async (timeoutMs, atMs) => {
    const engine = harness({
      "a/one": [
        [
          headers,
          send(text("x")),
          ...Array(2_000)
            .fill([wait(1_000), send(text("x"))])
            .flat(),
        ],
      ],
    });
    const ran = await settle(start(engine, timeoutMs === undefined ? {} : { timeoutMs }));
    expect(ran.error?.code).toBe("DEADLINE_EXCEEDED");
    expect(engine.executions[0]?.latencyMs).toBe(atMs);
  });

  it("given no time by its caller it takes no longer than its tier allows", async () => {
    const { tiers } = PRESETS.classic;
    const limits = { callTimeoutMs: 5_000 };
    const config = { callTimeoutMs: 7_000, tiers: { ...tiers, balanced: { ...tiers.balanced, limits } } };
    const engine = harness({ "a/one": [[hang]] }, { config });
    const ran = await settle(start(engine));
    expect(ran.error?.code).toBe("DEADLINE_EXCEEDED");
    expect(engine.executions[0]?.latencyMs).toBe(5_000);
    await settle(start(engine, { timeoutMs: 6_000 }));
    expect(engine.executions[1]?.latencyMs).toBe(6_000);
  });

  it("does not wait on for a retry once the caller has gone", async () => {
    const engine = harness({ "a/one": [[fail("rate_limited", { retryAfterMs: 2_000 })]] });
    const caller = new AbortController();
    const running = start(engine, { signal: caller.signal });
    await vi.advanceTimersByTimeAsync(100);
    caller.abort();
    const ran = await running;
    expect(ran.error?.code).toBe("CANCELLED");
    expect(engine.asked()).toEqual(["a/one"]);
    expect(engine.executions).toMatchObject([
      { status: "cancelled", attempts: [{ outcome: "rate_limited" }] },
    ]);
  });

  it.each([...Array(12).keys()])(
    "in the tick of its end is one or the other, never both: %i steps after it",
    async (steps) => {
      const caller = new AbortController();
      const engine = harness({ "a/one": [[]] });
      const stream = async function* () {
        let left = steps;
        const hop = (): void => (left-- > 0 ? queueMicrotask(hop) : caller.abort());
        hop();
        yield [text("whole"), finish()];
      };
      const provider = {
        id: "a",
        dialect: "openai" as const,
        stream,
        complete: () => Promise.reject(new Error("not asked")),
      };
      const providers = new Map([["a", provider]]);
      const { config } = engine.deps.snapshot(CALL);
      const deps = { ...engine.deps, snapshot: () => ({ config, providers }) };
      const ran = await settle(drain(complete({ ...CALL, signal: caller.signal }, deps)));
      const isCompleted = kindsOf(ran).includes("completed");
      expect(ran.error?.code).toBe(isCompleted ? undefined : "CANCELLED");
      expect(engine.executions).toMatchObject([{ status: isCompleted ? "ok" : "cancelled" }]);
    },
  );
});

describe("a probe that is not used", () => {
  async function withOpenTarget() {
    const engine = harness({ "a/one": [...Array(5).fill([fail("overloaded")]), says("hello")] });
    for (let call = 0; call < 5; call += 1) await settle(start(engine));
    await vi.advanceTimersByTimeAsync(3_000);
    return engine;
  }

  it("is handed back when the caller stops reading before the attempt began", async () => {
    const engine = await withOpenTarget();
    const stream = complete(CALL, engine.deps);
    await stream.next();
    await stream.return();
    expect(textOf(await settle(start(engine)))).toBe("hello");
  });

  it("is handed back when the caller cancels there and never comes back", async () => {
    const engine = await withOpenTarget();
    const caller = new AbortController();
    const stream = complete({ ...CALL, signal: caller.signal }, engine.deps);
    await stream.next();
    caller.abort();
    expect(textOf(await settle(start(engine)))).toBe("hello");
  });

  it("is handed back after a fault of our own", async () => {
    const engine = await withOpenTarget();
    const stream = complete(CALL, engine.deps);
    await stream.next();
    await expect(stream.throw(new RangeError("a bug"))).rejects.toThrow("a bug");
    expect(textOf(await settle(start(engine)))).toBe("hello");
  });

  it("is handed back when the caller's time was too short for a verdict", async () => {
    const engine = harness({ "a/one": [...Array(5).fill([fail("overloaded")]), [hang], says("hello")] });
    for (let call = 0; call < 5; call += 1) await settle(start(engine));
    await vi.advanceTimersByTimeAsync(3_000);
    const late = await settle(start(engine, { timeoutMs: 50 }));
    expect(late.error?.code).toBe("DEADLINE_EXCEEDED");
    expect(textOf(await settle(start(engine)))).toBe("hello");
  });

  it("lets the others back in with its first token, not with its end", async () => {
    const slow = [headers, send(text("slow")), wait(10_000), send(finish())];
    const engine = harness({
      "a/one": [...Array(5).fill([fail("overloaded")]), slow, says("quick")],
      "b/two": [says("no")],
    });
    for (let call = 0; call < 5; call += 1) await settle(start(engine));
    await vi.advanceTimersByTimeAsync(3_000);
    const probe = start(engine);
    await vi.advanceTimersByTimeAsync(10);
    expect(textOf(await start(engine))).toBe("quick");
    expect(textOf(await settle(probe))).toBe("slow");
  });
});
