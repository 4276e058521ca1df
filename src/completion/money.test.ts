import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { complete } from "./complete.ts";
import { CALL, completedOf, drain, harness, settle, start } from "./testing/harness.ts";
import { fail, finish, headers, says, send, text, USAGE, usage, wait } from "./testing/scripted-provider.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe("money", () => {
  it("adds what a failed attempt cost to what the answer cost", async () => {
    const costly = [
      headers,
      send(usage({ ...USAGE, inputTokens: 200, outputTokens: 1 })),
      send(text("12345678")),
      fail("truncated"),
    ];
    const engine = harness({ "a/one": [costly], "b/two": [says("hello")] });
    const ran = await settle(start(engine, { delivery: "ASSURED" }));
    expect(engine.attempts).toMatchObject([
      {
        outcome: "truncated",
        usageSource: "PARTIAL",
        usageMethod: "pieces_and_characters",
        tokens: { freshInputTokens: 200, outputTokens: 2 },
        costNanoUsd: 204_000n,
      },
      { outcome: "truncated", costNanoUsd: 204_000n },
      { outcome: "ok", usageSource: "REPORTED", costNanoUsd: 110_000n },
    ]);
    expect(completedOf(ran)).toMatchObject({
      costNanoUsd: 518_000n,
      usageSource: "PARTIAL",
      served: { provider: "b" },
    });
    expect(engine.executions[0]).toMatchObject({
      costNanoUsd: 518_000n,
      tokens: { freshInputTokens: 500, outputTokens: 9 },
    });
  });

  it("tells what the providers' caches saved, writing to them taken off, attempt by attempt and in all", async () => {
    const used = { ...USAGE, cachedInputTokens: 60, cacheWriteTokens: 20 };
    const cut = [headers, send(usage({ ...used, cacheWriteTokens: 0 })), send(text("x")), fail("overloaded")];
    const engine = harness({
      "a/one": [cut],
      "b/two": [[headers, send(text("hi"), finish({ usage: used }))]],
    });
    const ran = await settle(start(engine, { delivery: "ASSURED" }));
    expect(engine.attempts).toMatchObject([
      { outcome: "overloaded", cacheSavingNanoUsd: 54_000n },
      { outcome: "ok", costNanoUsd: 61_000n, cacheSavingNanoUsd: 49_000n },
    ]);
    expect(engine.executions).toMatchObject([{ cacheSavingNanoUsd: 103_000n }]);
    expect(completedOf(ran)).toMatchObject({ cacheSavingNanoUsd: 103_000n });
  });

  it("keeps an answer's usage REPORTED when the attempt before it used nothing", async () => {
    const engine = harness({ "a/one": [[fail("overloaded")]], "b/two": [says("hello")] });
    const ran = await settle(start(engine));
    expect(engine.attempts[0]).toMatchObject({ usageSource: "UNKNOWN", costNanoUsd: 0n });
    expect(completedOf(ran)).toMatchObject({ usageSource: "REPORTED", costNanoUsd: 110_000n });
  });

  it("pins the price to the catalogue of the call's own snapshot", async () => {
    const engine = harness({ "a/one": [[headers, send(text("x")), wait(1_000), send(finish())]] });
    let { config, providers } = engine.deps.snapshot(CALL);
    const running = drain(complete(CALL, { ...engine.deps, snapshot: () => ({ config, providers }) }));
    await vi.advanceTimersByTimeAsync(500);
    config = { ...config, catalogue: { models: [], findModel: () => undefined } };
    providers = new Map();
    expect(completedOf(await settle(running))).toMatchObject({ costNanoUsd: 110_000n, priceStatus: "KNOWN" });
  });

  it("says UNKNOWN, and not 0, when a model has no price", async () => {
    const engine = harness({ "a/one": [says("hi")] });
    const { config, providers } = engine.deps.snapshot(CALL);
    const blind = { ...config, catalogue: { models: [], findModel: () => undefined } };
    const ran = await settle(
      drain(complete(CALL, { ...engine.deps, snapshot: () => ({ config: blind, providers }) })),
    );
    expect(completedOf(ran)).toMatchObject({ costNanoUsd: 0n, priceStatus: "UNKNOWN" });
  });
});
