import { afterEach, describe, expect, it } from "vitest";
import type { Budgets } from "../budgets/budgets.ts";
import { MemoryStore } from "../budgets/testing/memory-store.ts";
import { worstCaseOf } from "../routing/funds.ts";
import type { RoutingRequest } from "../routing/types.ts";
import type { CompletionCall } from "./call.ts";
import { decideWithinBudgets } from "./call-funds.ts";
import { complete } from "./complete.ts";
import { MOST_IMAGE_TOKENS, mostInputTokens } from "./most-input-tokens.ts";
import { CALL, decisionFor, drain, type Harness, harness, knowsFirstTokens } from "./testing/harness.ts";
import { fail, finish, hang, headers, says, send, text, wait } from "./testing/scripted-provider.ts";

let replica: Budgets | undefined;
afterEach(async () => {
  await replica?.close();
  replica = undefined;
});

/** What is set aside for an attempt of the test's call, in nano-USD. */
function worstOf({ config, targets: [target] }: Harness, maxOutputTokens = 1_000): bigint {
  const model = target && config.catalogue.findModel(target.provider, target.model);
  return worstCaseOf(model, "2026-01-01", mostInputTokens(CALL), maxOutputTokens).nano_usd ?? -1n;
}

/** The engine under one budget for everyone. */
function limited(engine: Harness, limit: bigint) {
  const store = new MemoryStore([
    { budgetId: "all", scope: { kind: "global" }, period: "total", limits: { nano_usd: limit } },
  ]);
  const budgets = store.addReplica();
  replica = budgets;
  const deps = { ...engine.deps, budgets };
  const run = (over: Partial<CompletionCall> = {}) => drain(complete({ ...CALL, ...over }, deps));
  return { store, budgets, deps, run, reserved: () => budgets.list()[0]?.reserved };
}

const charged = ({ executions }: Harness): bigint =>
  executions.flatMap(({ charges = [] }) => charges).reduce((sum, { amount }) => sum + amount, 0n);

describe("a call under a budget", () => {
  it("has its worst case set aside while it runs, and is charged what it cost", async () => {
    const engine = harness({ "a/one": [says("hello")] });
    const { deps, reserved } = limited(engine, worstOf(engine));
    const stream = complete(CALL, deps);
    await stream.next();
    expect(reserved()).toBe(worstOf(engine));
    expect((await drain(stream)).error).toBeUndefined();
    expect(reserved()).toBe(0n);
    expect(charged(engine)).toBe(engine.executions[0]?.costNanoUsd);
    expect(charged(engine)).toBeGreaterThan(0n);
  });

  it("is run by the configuration that it was decided by, whatever is published while it waits for its funds", async () => {
    const engine = harness({ "a/one": [[fail("overloaded")]], "b/two": [says("hello")] });
    const { deps } = limited(engine, 10n * worstOf(engine));
    const once = { ...engine.config, maxAttempts: 1 };
    let published = false;
    const snapshot = () => ({
      ...engine.deps.snapshot(CALL),
      config: published ? once : engine.config,
    });
    const ran = drain(complete(CALL, { ...deps, snapshot }));
    published = true;
    expect((await ran).error).toBeUndefined();
    expect(engine.asked()).toEqual(["a/one", "b/two"]);
  });

  it("is charged for each of its attempts, and each has its own set aside", async () => {
    const engine = harness({
      "a/one": [[headers, send(text("x")), wait(5), fail("overloaded")]],
      "b/two": [says("hello")],
    });
    const { run, reserved } = limited(engine, 10n * worstOf(engine));
    expect((await run({ acceptRestart: true })).error).toBeUndefined();
    expect(engine.attempts.map(({ costNanoUsd }) => costNanoUsd > 0n)).toEqual([true, true]);
    expect([charged(engine), reserved()]).toEqual([engine.executions[0]?.costNanoUsd, 0n]);
  });

  it("does not fall back to a target for which nothing can be set aside", async () => {
    const engine = harness({
      "a/one": [[headers, send(text("x")), fail("overloaded")]],
      "b/two": [says("hello")],
    });
    const { run, reserved } = limited(engine, worstOf(engine));
    const { error } = await run({ acceptRestart: true });
    expect(error).toMatchObject({ reason: "PROVIDER_OVERLOADED", partial: true });
    expect([engine.asked(), reserved()]).toEqual([["a/one"], 0n]);
  });

  it("falls back on what the failed attempt did not cost", async () => {
    const engine = harness({ "a/one": [[fail("overloaded")]], "b/two": [says("hello")] });
    const { run } = limited(engine, worstOf(engine));
    expect((await run()).error).toBeUndefined();
    expect(engine.asked()).toEqual(["a/one", "b/two"]);
  });

  it.each([
    ["not hedged when the second attempt cannot have its own set aside", 15n, ["a/one"]],
    ["hedged when it can", 400n, ["a/one", "b/two"]],
  ])("is %s", async (_, tenthsOfWorst, asked) => {
    const late = [headers, wait(120), send(text("hi")), send(finish())];
    const engine = harness(
      { "a/one": [late], "b/two": [late] },
      { config: { hedging: { enabled: true, shareOfCalls: 0.05 } } },
    );
    knowsFirstTokens(engine, 30);
    const { run, reserved } = limited(engine, (worstOf(engine) * tenthsOfWorst) / 10n);
    await run();
    expect([engine.asked(), reserved()]).toEqual([asked, 0n]);
  });

  it("returns what was set aside when it is cancelled", async () => {
    const engine = harness({ "a/one": [[headers, send(text("hi")), hang]] });
    const { run, reserved } = limited(engine, worstOf(engine));
    const leaving = new AbortController();
    const running = run({ signal: leaving.signal });
    await expect.poll(() => engine.asked().length).toBe(1);
    leaving.abort();
    expect((await running).error?.code).toBe("CANCELLED");
    expect(reserved()).toBe(0n);
    expect(charged(engine)).toBe(engine.executions[0]?.costNanoUsd);
  });

  it("returns what was set aside when its reader goes before anything was asked", async () => {
    const engine = harness({ "a/one": [says("no")] });
    const { deps, reserved } = limited(engine, worstOf(engine));
    const stream = complete(CALL, deps);
    await stream.next();
    expect(reserved()).toBe(worstOf(engine));
    await stream.return();
    expect([reserved(), engine.asked()]).toEqual([0n, []]);
  });

  it("is decided again for what is left, and refused when that is nothing: nobody is asked", async () => {
    const engine = harness({ "a/one": [says("hello")] });
    const seen: RoutingRequest["funds"][] = [];
    const [target] = engine.targets;
    if (target === undefined) throw new Error("no target");
    const small = decisionFor([{ ...target, maxOutputTokens: 100 }]);
    const { deps } = limited(engine, worstOf(engine, 100));
    const route = ({ funds }: RoutingRequest) => {
      seen.push(funds);
      if (funds === undefined) return engine.deps.route(CALL.request, engine.config);
      const isEnough = (funds.accounts[0]?.left ?? 0n) >= worstOf(engine, 100);
      const failure = { kind: "over_budget" as const, budgetIds: ["all"] };
      return isEnough ? { ok: true as const, decision: small } : { ok: false as const, failure };
    };
    const run = () => drain(complete(CALL, { ...deps, route }));
    expect((await run()).error).toBeUndefined();
    expect(engine.callsTo("a/one")[0]?.request.maxOutputTokens).toBe(100);
    expect(seen).toEqual([
      undefined,
      {
        mostInputTokens: mostInputTokens(CALL),
        accounts: [{ budgetId: "all", unit: "nano_usd", left: worstOf(engine, 100) }],
      },
    ]);
    const { error } = await run();
    expect(error).toMatchObject({
      code: "RESOURCE_EXHAUSTED",
      reason: "BUDGET_EXCEEDED",
      executionId: undefined,
    });
    expect([engine.asked(), engine.executions.length, engine.decisions.length]).toEqual([["a/one"], 1, 1]);
    const preview = () => decideWithinBudgets(CALL.request, { ...deps, route });
    expect(preview).toThrow("Too little is left of the budget all");
  });

  it("is told to come back when the database is away", async () => {
    const engine = harness({ "a/one": [says("hello")] });
    const { store, run } = limited(engine, worstOf(engine));
    store.isAway = true;
    expect((await run()).error).toMatchObject({
      code: "UNAVAILABLE",
      reason: "BUDGET_STORE_UNAVAILABLE",
      retryAfterMs: 1_000,
    });
    expect(engine.asked()).toEqual([]);
  });
});

describe("the most input tokens of a call", () => {
  it("are at least the bytes of all text that is sent, however it is nested", () => {
    const name = "n".repeat(100);
    const call = {
      ...CALL,
      messages: [
        { role: "system" as const, text: "ä".repeat(500) },
        {
          role: "assistant" as const,
          text: "",
          toolCalls: [{ id: "1", name, argumentsJson: "x".repeat(300) }],
        },
      ],
      tools: [{ name, description: "d".repeat(200), parametersJson: "{}", strict: false }],
    };
    const most = mostInputTokens(call);
    expect(most).toBeGreaterThanOrEqual(1_000 + 100 + 300 + 100 + 200);
    expect(most).toBeLessThan(3_500);
  });

  it("count an image as the largest there is, given or by address", () => {
    const parts = [
      { kind: "image" as const, mediaType: "image/png", data: new Uint8Array(10) },
      { kind: "image_url" as const, url: "https://example.com/a.png" },
    ];
    const call = { ...CALL, messages: [{ role: "user" as const, parts }] };
    expect(mostInputTokens(call)).toBeGreaterThanOrEqual(2 * MOST_IMAGE_TOKENS);
  });
});
