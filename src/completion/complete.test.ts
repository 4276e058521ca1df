import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { CompletionEvent } from "../providers/provider.ts";
import { complete } from "./complete.ts";
import { CompletionError } from "./completion-error.ts";
import { CALL, completedOf, harness, kindsOf, settle, start, textOf } from "./testing/harness.ts";
import { fail, finish, hang, headers, says, send, text, wait } from "./testing/scripted-provider.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe("a completion that goes well", () => {
  it("decides first and at once, before anything is asked of a provider", async () => {
    const engine = harness({ "a/one": [says("hi")] });
    const stream = complete(CALL, engine.deps);
    const first = await stream.next();
    expect(first.value).toMatchObject([
      { kind: "decision", decisionId: "id-1", executionId: "id-2" },
      { kind: "attempt_started", attempt: 1, target: { provider: "a", model: "one" } },
    ]);
    expect(engine.asked()).toEqual([]);
    await stream.return();
    expect(engine.asked()).toEqual([]);
  });

  it("hands on what came together as it came, untouched", async () => {
    const batch: readonly CompletionEvent[] = [text("one "), text("two")];
    const engine = harness({ "a/one": [[headers, { do: "send", events: batch }, send(finish())]] });
    const ran = await settle(start(engine));
    expect(ran.batches[1]).toBe(batch);
    expect(kindsOf(ran)).toEqual(["decision", "attempt_started", "text", "text", "completed"]);
  });

  it("ends with what it cost, who served it and how long it took", async () => {
    const engine = harness({
      "a/one": [[wait(30), headers, wait(70), send(text("hi")), wait(100), send(finish({ model: "one-1" }))]],
    });
    const ran = await settle(start(engine));
    expect(completedOf(ran)).toMatchObject({
      finishReason: "stop",
      refused: false,
      tokens: { freshInputTokens: 100, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 5 },
      usageSource: "REPORTED",
      costNanoUsd: 110_000n,
      priceStatus: "KNOWN",
      served: { provider: "a", model: "one" },
      reportedModel: "one-1",
      latencyMs: 200,
      ttftMs: 100,
      overheadMs: 0,
    });
    expect(engine.decisions).toHaveLength(1);
    expect(engine.executions).toHaveLength(1);
    expect(engine.executions[0]).toMatchObject({
      executionId: "id-2",
      decisionId: "id-1",
      status: "ok",
      finishReason: "stop",
      labels: { team: "blue" },
      costNanoUsd: 110_000n,
      attempts: [{ attempt: 1, outcome: "ok", latencyMs: 200, ttftMs: 100, priceVersion: "2020-01-01" }],
    });
  });

  it("is recorded before the caller hears that it is complete", async () => {
    const engine = harness({ "a/one": [says("hi")] });
    for await (const batch of complete(CALL, engine.deps)) {
      if (batch.some(({ kind }) => kind === "completed")) expect(engine.executions).toHaveLength(1);
    }
  });

  it("sends the target what was planned for it, and no parameter that was not", async () => {
    const engine = harness({ "a/one": [says("hi")] });
    await settle(start(engine));
    const request = engine.callsTo("a/one")[0]?.request;
    expect(request).toMatchObject({ model: "one", maxOutputTokens: 1_000, messages: CALL.messages });
    expect(Object.keys(request ?? {})).not.toContain("temperature");
  });

  it("says that the model refused, in words or by its finish reason", async () => {
    const inWords = harness({
      "a/one": [[headers, send({ kind: "refusal", text: "I will not." }), send(finish())]],
    });
    const byReason = harness({ "a/one": [[headers, send(finish({ reason: "content_filter" }))]] });
    expect(completedOf(await settle(start(inWords)))?.refused).toBe(true);
    expect(completedOf(await settle(start(byReason)))?.refused).toBe(true);
  });

  it("reports skipped frames and contradicting usage to who watches", async () => {
    const engine = harness({
      "a/one": [[headers, send(text("x")), send(finish({ skippedFrames: 1, usageMismatch: true }))]],
    });
    await settle(start(engine));
    expect(engine.reports).toMatchObject([{ skippedFrames: 1, usageMismatch: true }]);
  });
});

describe("a fault of our own", () => {
  it("is recorded as failed, and leaves nothing open upstream", async () => {
    const engine = harness({ "a/one": [[headers, send(text("x")), hang]] });
    const stream = complete(CALL, engine.deps);
    await stream.next();
    await stream.next();
    await expect(stream.throw(new RangeError("a bug"))).rejects.toThrow("a bug");
    expect(engine.executions).toMatchObject([{ status: "failed", failureReason: "INTERNAL" }]);
    expect(engine.callsTo("a/one")[0]?.abortedMs).toBeDefined();
  });
});

describe("ASSURED", () => {
  it("sends nothing of an answer before the provider has ended it", async () => {
    const engine = harness({
      "a/one": [[headers, send(text("hel")), wait(1_000), send(text("lo")), wait(1_000), send(finish())]],
    });
    const ran = await settle(start(engine, { delivery: "ASSURED" }));
    expect(ran.batches.map((batch) => batch.map(({ kind }) => kind))).toEqual([
      ["decision", "attempt_started"],
      ["text", "text", "completed"],
    ]);
    expect(completedOf(ran)).toMatchObject({ latencyMs: 2_000, ttftMs: 2_000 });
  });

  it("repairs a cut, and the caller sees the one answer only", async () => {
    const cut = [headers, send(text("hel")), fail("truncated")];
    const engine = harness({ "a/one": [cut], "b/two": [says("good ", "bye")] });
    const ran = await settle(start(engine, { delivery: "ASSURED" }));
    expect(kindsOf(ran).filter((kind) => kind === "text" || kind === "reset")).toEqual(["text", "text"]);
    expect(textOf(ran)).toBe("good bye");
  });

  it("has given nothing away when it fails", async () => {
    const engine = harness({ "a/one": [[headers, send(text("hel")), fail("truncated")]] });
    const ran = await settle(start(engine, { delivery: "ASSURED" }));
    expect(ran.error).toMatchObject({ code: "UNAVAILABLE", partial: false, deliveredTokens: undefined });
    expect(textOf(ran)).toBe("");
  });
});

it("throws a typed error whose message is ours", async () => {
  const engine = harness({ "a/one": [[fail("unauthenticated", { providerCode: "invalid_api_key" })]] });
  const { error } = await settle(start(engine));
  expect(error).toBeInstanceOf(CompletionError);
  expect(error?.message).toBe("The provider refused this service's key; its operator has to set another.");
});
