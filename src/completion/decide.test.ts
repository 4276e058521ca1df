import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { PlannedTarget, RejectedTarget, RoutingFailure } from "../routing/types.ts";
import { complete } from "./complete.ts";
import { CALL, decisionFor, drain, harness, start, textOf } from "./testing/harness.ts";
import { fail, hang, says } from "./testing/scripted-provider.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const rejected = (reason: RejectedTarget["reason"], detail: string): RejectedTarget => ({
  target: { provider: "kimi", model: "k" },
  tier: "fast",
  reason,
  detail,
});

async function routed(failure: RoutingFailure) {
  const engine = harness({ "a/one": [says("no")] });
  const ran = await drain(complete(CALL, { ...engine.deps, route: () => ({ ok: false, failure }) }));
  return { ...ran, engine };
}

describe("a call that cannot be decided", () => {
  it("names the variables to set when no provider has a key", async () => {
    const { error, events, engine } = await routed({
      kind: "no_usable_target",
      missingVariables: ["KIMI_API_KEY", "OPENAI_API_KEY"],
      rejected: [rejected("no_key", "Kimi has no key: set KIMI_API_KEY")],
    });
    expect(error).toMatchObject({
      code: "FAILED_PRECONDITION",
      reason: "NO_USABLE_TARGET",
      executionId: undefined,
    });
    expect(error?.message).toBe("No target can take this call: set KIMI_API_KEY or OPENAI_API_KEY.");
    expect(error?.routingFailure?.kind).toBe("no_usable_target");
    expect(events).toEqual([]);
    expect(engine.executions).toEqual([]);
    expect(engine.decisions).toEqual([]);
  });

  it("says what each target lacks when keys are not the trouble", async () => {
    const { error } = await routed({
      kind: "no_usable_target",
      missingVariables: [],
      rejected: [
        rejected("images", "k takes no images"),
        rejected("retired", "k is retired"),
        rejected("images", "k takes no images"),
      ],
    });
    expect(error?.message).toBe("No target can take this call: k takes no images; k is retired.");
  });

  it("is the caller's to mend when the messages fit nowhere", async () => {
    const { error } = await routed({
      kind: "no_usable_target",
      missingVariables: [],
      rejected: [rejected("context_window", "too long")],
    });
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT", reason: "CONTEXT_LENGTH" });
  });

  it("tells how much of the budget was missing", async () => {
    const { error } = await routed({ kind: "budget_exhausted", neededTokens: 90, remainingTokens: 10 });
    expect(error).toMatchObject({ code: "RESOURCE_EXHAUSTED", reason: "BUDGET_EXCEEDED" });
    expect(error?.message).toContain("needs 90 tokens and the budget has 10 left");
  });

  it("names the model that is not in the catalogue", async () => {
    const { error } = await routed({ kind: "unknown_model", target: { provider: "kimi", model: "k9" } });
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT", reason: "UNKNOWN_MODEL" });
    expect(error?.message).toContain("kimi/k9");
  });
});

describe("when every target is down", () => {
  async function allDown() {
    const engine = harness({
      "a/one": [...Array(5).fill([fail("overloaded")]), [hang], says("back")],
      "b/two": [[fail("overloaded")]],
    });
    for (let call = 0; call < 5; call += 1) await start(engine);
    return engine;
  }

  it("fails at once, asks nobody, and says when to come back", async () => {
    const engine = await allDown();
    const before = engine.asked().length;
    await vi.advanceTimersByTimeAsync(400);
    const ran = await start(engine);
    expect(ran.error).toMatchObject({
      code: "UNAVAILABLE",
      reason: "TARGETS_UNAVAILABLE",
      retryAfterMs: 2_600,
    });
    expect(engine.asked()).toHaveLength(before);
  });

  it("lets one call a second try a target before its time", async () => {
    const engine = await allDown();
    const before = engine.asked().length;
    await vi.advanceTimersByTimeAsync(1_000);
    const [slow, quick, none] = [start(engine, { timeoutMs: 100 }), start(engine), start(engine)];
    expect((await quick).error?.reason).toBe("PROVIDER_OVERLOADED");
    expect((await none).error?.reason).toBe("TARGETS_UNAVAILABLE");
    expect(engine.asked().slice(before)).toEqual(["a/one", "b/two"]);
    await vi.advanceTimersByTimeAsync(100);
    expect((await slow).error?.code).toBe("DEADLINE_EXCEEDED");
  });

  it("lets it though the router lists the open ones for want of others", async () => {
    const engine = await allDown();
    const before = engine.asked().length;
    const [first, ...rest] = engine.targets as [PlannedTarget, ...PlannedTarget[]];
    const route = () => ({ ok: true, decision: decisionFor([first, ...rest]) }) as const;
    const ask = () => drain(complete({ ...CALL, timeoutMs: 100 }, { ...engine.deps, route }));
    await vi.advanceTimersByTimeAsync(1_000);
    const probe = ask();
    expect((await ask()).error?.reason).toBe("PROVIDER_OVERLOADED");
    expect(engine.asked().slice(before)).toEqual(["a/one", "b/two"]);
    await vi.advanceTimersByTimeAsync(100);
    await probe;
  });

  it("is back on the first target with the first probe that answers", async () => {
    const engine = await allDown();
    await vi.advanceTimersByTimeAsync(3_000);
    const slow = start(engine, { timeoutMs: 100 });
    await vi.advanceTimersByTimeAsync(100);
    await slow;
    const probe = await start(engine);
    expect(textOf(probe)).toBe("back");
    expect(textOf(await start(engine))).toBe("back");
  });

  it("keeps a decision that comes too late from asking them, and records that nobody was asked", async () => {
    const engine = await allDown();
    const decision = decisionFor([engine.targets[0] as PlannedTarget]);
    const late = complete(CALL, { ...engine.deps, route: () => ({ ok: true, decision }) });
    const { events, error } = await drain(late);
    expect(events.map(({ kind }) => kind)).toEqual(["decision"]);
    expect(error).toMatchObject({ code: "UNAVAILABLE", reason: "TARGETS_UNAVAILABLE", retryPushback: false });
    expect(engine.executions.at(-1)).toMatchObject({ status: "failed", attempts: [], costNanoUsd: 0n });
  });
});
