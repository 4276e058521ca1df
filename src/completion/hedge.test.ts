import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { complete } from "./complete.ts";
import {
  CALL,
  completedOf,
  drain,
  type Harness,
  harness,
  kindsOf,
  knowsFirstTokens,
  settle,
  start,
  textOf,
} from "./testing/harness.ts";
import { answers, expectPermitsBack, hedging, ON, P95_MS, silent, startToTick } from "./testing/hedging.ts";
import {
  fail,
  finish,
  hang,
  headers,
  says,
  send,
  text,
  USAGE,
  usage,
  wait,
} from "./testing/scripted-provider.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe("a first token later than the target's p95", () => {
  it("starts a second attempt, and the answer that comes first is the answer", async () => {
    const engine = hedging({ "a/one": [answers(5_000, "slow")], "b/two": [answers(50, "quick")] });
    const ran = await settle(start(engine));
    expect(textOf(ran)).toBe("quick");
    expect(engine.callsTo("b/two")[0]?.startedMs).toBe((engine.callsTo("a/one")[0]?.startedMs ?? 0) + P95_MS);
    expect(completedOf(ran)).toMatchObject({
      served: { provider: "b" },
      latencyMs: P95_MS + 50,
      overheadMs: 0,
    });
    expect(engine.hedges).toEqual(["won"]);
    await expectPermitsBack(engine);
  });

  it("closes the loser in the very tick in which the winner speaks", async () => {
    const engine = hedging({ "a/one": [[headers, hang]], "b/two": [silent(50, send(text("quick")), hang)] });
    const running = start(engine, { timeoutMs: 10_000 });
    await vi.advanceTimersByTimeAsync(P95_MS + 50);
    expect(engine.callsTo("a/one")).toMatchObject([{ isClosed: true, abortedMs: performance.now() }]);
    expect(engine.callsTo("b/two")).toMatchObject([{ isClosed: false }]);
    await settle(running);
  });

  it("closes the loser also while nobody reads what the winner said", async () => {
    const engine = hedging({ "a/one": [[headers, hang]], "b/two": [answers(50, "quick")] });
    const stream = complete(CALL, engine.deps);
    await stream.next();
    const told = stream.next();
    await vi.advanceTimersByTimeAsync(P95_MS);
    expect((await told).value).toMatchObject([{ kind: "attempt_started", attempt: 2 }]);
    await vi.advanceTimersByTimeAsync(50);
    expect(engine.callsTo("a/one")).toMatchObject([{ isClosed: true, abortedMs: performance.now() }]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(textOf(await settle(drain(stream)))).toBe("quick");
  });

  it("is told as it is: who was asked, who was given up, and only then the content", async () => {
    const engine = hedging({ "a/one": [answers(5_000, "slow")], "b/two": [answers(50, "quick")] });
    const ran = await settle(start(engine));
    const [a, b] = [
      { provider: "a", model: "one" },
      { provider: "b", model: "two" },
    ];
    expect(ran.events.slice(1, 5)).toEqual([
      { kind: "attempt_started", attempt: 1, target: a },
      { kind: "attempt_started", attempt: 2, target: b },
      {
        kind: "attempt_failed",
        attempt: 1,
        target: a,
        failure: "hedged_out",
        details: {},
        willContinue: true,
      },
      { kind: "text", text: "quick" },
    ]);
    expect(kindsOf(ran).at(-1)).toBe("completed");
    expect(ran.atMs[1]).toBe((ran.atMs[0] ?? 0) + P95_MS);
  });

  it("keeps the first attempt when that speaks before the second", async () => {
    const engine = hedging({ "a/one": [answers(300, "first")], "b/two": [answers(5_000, "second")] });
    const ran = await settle(start(engine));
    expect(textOf(ran)).toBe("first");
    expect(completedOf(ran)?.attempts).toMatchObject([
      { attempt: 2, kind: "hedge", outcome: "hedged_out", target: { provider: "b" }, latencyMs: 100 },
      { attempt: 1, kind: "first", outcome: "ok", target: { provider: "a" }, latencyMs: 300 },
    ]);
    expect(engine.callsTo("b/two")[0]?.abortedMs).toBeDefined();
    expect(engine.hedges).toEqual(["lost"]);
    await expectPermitsBack(engine);
  });

  it("costs what both cost, and the sum says that it is a lower bound", async () => {
    const told = send(usage({ ...USAGE, inputTokens: 70, outputTokens: 1 }));
    const engine = hedging({ "a/one": [[headers, told, hang]], "b/two": [answers(50, "quick")] });
    const ran = await settle(start(engine));
    expect(engine.attempts).toMatchObject([
      {
        outcome: "hedged_out",
        usageSource: "PARTIAL",
        tokens: { freshInputTokens: 70 },
        costNanoUsd: 72_000n,
      },
      { outcome: "ok", usageSource: "REPORTED", costNanoUsd: 110_000n },
    ]);
    expect(completedOf(ran)).toMatchObject({ costNanoUsd: 182_000n, usageSource: "PARTIAL" });
  });

  it("says of the sum that it is a lower bound also when the loser told nothing of its tokens", async () => {
    const engine = hedging({ "a/one": [[headers, hang]], "b/two": [answers(50, "quick")] });
    const ran = await settle(start(engine));
    expect(engine.attempts[0]).toMatchObject({ usageSource: "PARTIAL", costNanoUsd: 0n });
    expect(completedOf(ran)).toMatchObject({ costNanoUsd: 110_000n, usageSource: "PARTIAL" });
  });

  it("holds for ASSURED too, and what the loser said is nowhere", async () => {
    const engine = hedging({
      "a/one": [silent(400, send(text("slow")), send(finish()))],
      "b/two": [silent(50, send(text("qui")), wait(1_000), send(text("ck")), send(finish()))],
    });
    const ran = await settle(start(engine, { delivery: "ASSURED" }));
    expect(textOf(ran)).toBe("quick");
    expect(engine.callsTo("a/one")[0]).toMatchObject({ text: "", isClosed: true });
  });

  it("has been measured on calls like it, and they make room for it", async () => {
    const usual = Array(20).fill(answers(100, "hi"));
    const engine = harness(
      { "a/one": [...usual, answers(5_000, "slow")], "b/two": [says("quick")] },
      { config: { hedging: ON } },
    );
    for (let call = 0; call < 20; call += 1) await settle(start(engine));
    await vi.advanceTimersByTimeAsync(1_000);
    const ran = await settle(start(engine));
    expect(textOf(ran)).toBe("quick");
    expect(completedOf(ran)).toMatchObject({ latencyMs: 100 });
  });

  it("leaves the time of both to the providers, once", async () => {
    const engine = hedging({ "a/one": [answers(300, "first")], "b/two": [answers(5_000, "second")] });
    const route: typeof engine.deps.route = (...given) => {
      vi.advanceTimersByTime(30);
      return engine.deps.route(...given);
    };
    const ran = await settle(drain(complete(CALL, { ...engine.deps, route })));
    expect(completedOf(ran)).toMatchObject({ latencyMs: 330, overheadMs: 30 });
  });

  it("counts an empty answer as one that has spoken", async () => {
    const engine = hedging({
      "a/one": [[headers, hang]],
      "b/two": [silent(50, send(finish({ reason: "length" })))],
    });
    const ran = await settle(start(engine));
    expect(completedOf(ran)).toMatchObject({ served: { provider: "b" }, finishReason: "length" });
  });

  it("gives the first its due when both speak in the same tick", async () => {
    const engine = hedging({ "a/one": [answers(250, "first")], "b/two": [answers(50, "second")] });
    const ran = await startToTick(engine, 250);
    expect(textOf(ran)).toBe("first");
    expect(engine.attempts.map(({ outcome }) => outcome).sort()).toEqual(["hedged_out", "ok"]);
    expect(engine.attempts.find(({ attempt }) => attempt === 2)).toMatchObject({ usageSource: "PARTIAL" });
  });

  it("takes one answer only where two come whole in the same tick, and bills both as reported", async () => {
    const engine = hedging({
      "a/one": [silent(250, send(finish()))],
      "b/two": [silent(50, send(finish()))],
    });
    const ran = await startToTick(engine, 250);
    expect(completedOf(ran)?.attempts).toMatchObject([
      { attempt: 2, outcome: "hedged_out", usageSource: "REPORTED" },
      { attempt: 1, outcome: "ok", usageSource: "REPORTED" },
    ]);
  });
});

describe("no second attempt is started", () => {
  const slow = { "a/one": [answers(5_000, "slow")], "b/two": [says("no")] };
  const asked = async (engine: Harness, over = {}) => {
    await settle(start(engine, over));
    expect(engine.hedges).toEqual([]);
    return engine.asked();
  };

  it("as shipped", async () => {
    const engine = harness(slow);
    knowsFirstTokens(engine, P95_MS);
    expect(engine.config.hedging).toEqual({ enabled: false, shareOfCalls: 0.05 });
    expect(await asked(engine)).toEqual(["a/one"]);
  });

  it("for a first token that comes in time", async () => {
    const engine = hedging({ ...slow, "a/one": [answers(P95_MS - 1, "in time")] });
    const running = start(engine);
    await vi.advanceTimersByTimeAsync(P95_MS - 1);
    expect(textOf(await running)).toBe("in time");
    expect(vi.getTimerCount()).toBe(0);
    expect(engine.asked()).toEqual(["a/one"]);
  });

  it("before 20 first tokens were measured", async () => {
    const engine = harness(slow, { config: { hedging: ON } });
    for (let call = 0; call < 100; call += 1) engine.deps.hedgeBudget.countCall(performance.now());
    for (let call = 0; call < 19; call += 1)
      engine.health.acquire({ provider: "a", model: "one" })?.firstToken(1);
    expect(await asked(engine)).toEqual(["a/one"]);
  });

  it("beyond five calls in a hundred", async () => {
    const engine = hedging({ "a/one": [[headers, hang]], "b/two": [says("hedge")] });
    for (let call = 0; call < 10; call += 1) await settle(start(engine, { timeoutMs: 5_000 }));
    expect(engine.hedges).toEqual(["won", "won", "won", "won", "won"]);
  });

  it("without another target that may be asked", async () => {
    expect(await asked(hedging({ "a/one": [answers(5_000, "slow")] }))).toEqual(["a/one"]);
    const broken = hedging(slow);
    for (let call = 0; call < 5; call += 1) {
      broken.health.acquire({ provider: "b", model: "two" })?.failed("overloaded", {});
    }
    expect(await asked(broken)).toEqual(["a/one"]);
  });

  it("past the attempts a call may make, or may make at one provider", async () => {
    expect(await asked(hedging(slow, { maxAttempts: 1 }))).toEqual(["a/one"]);
    const scripts = { "a/one": [answers(5_000, "slow")], "a/two": [says("no")] };
    expect(await asked(hedging(scripts, { maxAttemptsPerProvider: 1 }))).toEqual(["a/one"]);
  });

  it("once content was delivered", async () => {
    const cut = [headers, send(text("hel")), fail("truncated")];
    const again = silent(5_000, send(text("hello")), send(finish()));
    expect(await asked(hedging({ ...slow, "a/one": [cut, again] }))).toEqual(["a/one", "a/one"]);
  });

  it("twice for one call", async () => {
    const engine = hedging({
      "a/one": [[headers, hang]],
      "b/two": [silent(100, fail("overloaded"))],
      "c/three": [says("no")],
    });
    await settle(start(engine, { timeoutMs: 10_000 }));
    expect(engine.asked()).toEqual(["a/one", "b/two"]);
  });

  it("twice for one call, whichever attempt is late", async () => {
    const scripts = {
      "a/one": [silent(300, fail("overloaded"))],
      "b/two": [silent(300, fail("overloaded"))],
      "c/three": [answers(5_000, "hello")],
      "d/four": [says("no")],
    };
    const engine = hedging(scripts, { maxAttempts: 9 });
    expect(textOf(await settle(start(engine)))).toBe("hello");
    expect(engine.asked()).toEqual(["a/one", "b/two", "c/three"]);
  });
});

it("does not let the p95 sink by giving up what is slow", async () => {
  const engine = hedging({ "a/one": [[headers, hang]], "b/two": [answers(50, "quick")] });
  for (let call = 0; call < 2; call += 1) await settle(start(engine));
  await vi.advanceTimersByTimeAsync(2_000);
  expect(engine.health.states().get("a/one")?.ttftP95Ms).toBeGreaterThan(P95_MS);
});
