import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ExecutionIntent, Recorder } from "../store/records.ts";
import { complete } from "./complete.ts";
import { CALL, drain, harness, kindsOf, settle } from "./testing/harness.ts";
import { fail, says } from "./testing/scripted-provider.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** An engine that records as it is told to. */
function recording(over: Partial<Recorder>, scripts = { "a/one": [says("hello")] }) {
  const engine = harness(scripts);
  const deps = { ...engine.deps, recorder: { ...engine.deps.recorder, ...over } };
  return { ...engine, run: () => drain(complete(CALL, deps)) };
}

describe("a call and its record", () => {
  it("is recorded as begun before the decision is given away", async () => {
    const begun: ExecutionIntent[] = [];
    const engine = recording({ begin: (intent) => begun.push(intent) });
    const ran = await settle(engine.run());
    expect(begun).toMatchObject([
      { executionId: engine.executions[0]?.executionId, planned: { provider: "a" } },
    ]);
    expect(kindsOf(ran)[0]).toBe("decision");
  });

  it("does not end for its caller before its record is safe", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const engine = recording({ whenSafe: () => promise });
    let hasEnded = false;
    const running = engine.run().then((ran) => {
      hasEnded = true;
      return ran;
    });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(engine.executions).toHaveLength(1);
    expect(hasEnded).toBe(false);
    resolve();
    expect(kindsOf(await settle(running)).at(-1)).toBe("completed");
  });

  it("does not fail for its caller before its record is safe", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const engine = recording({ whenSafe: () => promise }, { "a/one": [[fail("rejected")]] });
    let hasEnded = false;
    const running = engine.run().then((ran) => {
      hasEnded = true;
      return ran;
    });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(hasEnded).toBe(false);
    resolve();
    expect((await settle(running)).error?.code).toBe("INVALID_ARGUMENT");
  });

  it("is refused, with nothing asked of a provider, when it could not be recorded", async () => {
    const engine = recording({ findObstacle: () => "disk_full" });
    const { error, events } = await settle(engine.run());
    expect(error).toMatchObject({
      code: "RESOURCE_EXHAUSTED",
      reason: "RECORDS_DISK_FULL",
      message: expect.stringContaining("no room"),
      retryAfterMs: 5_000,
    });
    expect(events).toEqual([]);
    expect(engine.callsTo("a/one")).toEqual([]);
    expect(engine.executions).toEqual([]);
  });
});
