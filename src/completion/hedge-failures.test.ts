import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { harness, knowsFirstTokens, settle, start, textOf } from "./testing/harness.ts";
import { expectPermitsBack, hedging, ON, P95_MS, silent, startToTick } from "./testing/hedging.ts";
import { fail, finish, hang, headers, says, send, text } from "./testing/scripted-provider.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe("when one of two attempts fails", () => {
  const IN_PIECES = silent(1_000, ..."hello".split("").map((letter) => send(text(letter))), send(finish()));

  it("the second goes on alone after the first, and nobody waits for a retry", async () => {
    const engine = hedging({
      "a/one": [silent(300, fail("server_error"))],
      "b/two": [IN_PIECES],
    });
    const ran = await settle(start(engine));
    expect(textOf(ran)).toBe("hello");
    expect(ran.events).toContainEqual(
      expect.objectContaining({ attempt: 1, failure: "server_error", willContinue: true }),
    );
    expect(engine.asked()).toEqual(["a/one", "b/two"]);
    expect(engine.fallbacks).toEqual([{ from: "a/one", to: "b/two", failure: "server_error" }]);
    expect(engine.hedges).toEqual(["won"]);
  });

  it("the first goes on alone after the second", async () => {
    const engine = hedging({ "a/one": [IN_PIECES], "b/two": [silent(100, fail("rejected"))] });
    const ran = await settle(start(engine));
    expect(textOf(ran)).toBe("hello");
    expect(engine.attempts).toMatchObject([
      { attempt: 2, outcome: "rejected" },
      { attempt: 1, outcome: "ok" },
    ]);
    expect(engine.hedges).toEqual(["lost"]);
  });

  it("and then the other, the next target is asked, within the limits of one call", async () => {
    const engine = hedging({
      "a/one": [silent(300, fail("overloaded"))],
      "b/two": [silent(300, fail("overloaded"))],
      "c/three": [says("hello")],
      "d/four": [says("no")],
    });
    expect(textOf(await settle(start(engine)))).toBe("hello");
    expect(engine.asked()).toEqual(["a/one", "b/two", "c/three"]);
  });

  it("in the tick in which it is late, that is told, and the second goes on", async () => {
    const engine = hedging({ "a/one": [silent(P95_MS, fail("overloaded"))], "b/two": [IN_PIECES] });
    const ran = await startToTick(engine, P95_MS);
    expect(textOf(ran)).toBe("hello");
    expect(engine.asked()).toEqual(["a/one", "b/two"]);
    expect(engine.executions[0]?.attempts).toHaveLength(2);
  });

  it("after it had won, it is the one that is asked again", async () => {
    const engine = hedging({
      "a/one": [[headers, hang]],
      "b/two": [silent(10, send(text("hel")), fail("server_error")), says("hello")],
      "c/three": [says("no")],
    });
    expect(textOf(await settle(start(engine, { delivery: "ASSURED" })))).toBe("hello");
    expect(engine.asked()).toEqual(["a/one", "b/two", "b/two"]);
  });

  it("after the other had, it is the one that is asked again", async () => {
    const engine = hedging({
      "a/one": [silent(250, fail("overloaded"))],
      "b/two": [silent(250, fail("server_error")), says("hello")],
      "c/three": [says("no")],
    });
    expect(textOf(await settle(start(engine)))).toBe("hello");
    expect(engine.asked()).toEqual(["a/one", "b/two", "b/two"]);
  });

  it("a target that was the second is not asked a second time", async () => {
    const engine = hedging({
      "a/one": [silent(500, fail("overloaded"))],
      "b/two": [silent(100, fail("overloaded"))],
      "c/three": [says("hello")],
    });
    expect(textOf(await settle(start(engine)))).toBe("hello");
    expect(engine.asked()).toEqual(["a/one", "b/two", "c/three"]);
  });

  it("a refusal by the first ends the call: the second is no way around it", async () => {
    const engine = hedging({ "a/one": [silent(300, fail("content_filtered"))], "b/two": [[headers, hang]] });
    const ran = await settle(start(engine));
    expect(ran.error).toMatchObject({ code: "FAILED_PRECONDITION", reason: "CONTENT_FILTERED" });
    expect(ran.events.slice(-2)).toMatchObject([
      { kind: "attempt_failed", attempt: 2, failure: "hedged_out", willContinue: false },
      { kind: "attempt_failed", attempt: 1, failure: "content_filtered", willContinue: false },
    ]);
    expect(engine.attempts).toMatchObject([
      { attempt: 2, outcome: "hedged_out", latencyMs: 100 },
      { attempt: 1, outcome: "content_filtered", latencyMs: 300 },
    ]);
    expect(engine.callsTo("b/two")[0]?.abortedMs).toBe(ran.atMs.at(-1));
    expect(engine.hedges).toEqual(["stopped"]);
    await expectPermitsBack(engine);
  });

  it.each([
    { which: "first", first: "context_length", second: "overloaded", secondMs: 200 },
    { which: "second", first: "overloaded", second: "context_length", secondMs: 50 },
  ] as const)("the $which for its length, only larger windows are asked after it", async (given) => {
    const { first, second, secondMs } = given;
    const engine = harness(
      {
        "a/one": [silent(300, fail(first))],
        "b/two": [silent(secondMs, fail(second))],
        "c/same": [says("no")],
        "d/large": [says("hello")],
      },
      { config: { hedging: ON }, windows: { "d/large": 200_000 } },
    );
    knowsFirstTokens(engine, P95_MS);
    expect(textOf(await settle(start(engine)))).toBe("hello");
    expect(engine.asked()).toEqual(["a/one", "b/two", "d/large"]);
  });
});

describe("a call that is stopped while two attempts run", () => {
  it("closes and records both", async () => {
    const engine = hedging({ "a/one": [[headers, hang]], "b/two": [[headers, hang]] });
    const caller = new AbortController();
    const running = start(engine, { signal: caller.signal });
    await vi.advanceTimersByTimeAsync(P95_MS + 10);
    caller.abort();
    expect([...engine.callsTo("a/one"), ...engine.callsTo("b/two")]).toMatchObject([
      { abortedMs: performance.now() },
      { abortedMs: performance.now() },
    ]);
    expect((await settle(running)).error?.code).toBe("CANCELLED");
    expect(engine.executions).toMatchObject([
      {
        status: "cancelled",
        attempts: [
          { attempt: 1, outcome: "cancelled" },
          { attempt: 2, outcome: "cancelled" },
        ],
      },
    ]);
    expect(engine.hedges).toEqual(["stopped"]);
    await expectPermitsBack(engine);
  });

  it("hands back a probe that the second attempt was", async () => {
    const engine = hedging({ "a/one": [[headers, hang]], "b/two": [[headers, hang]] });
    for (let call = 0; call < 5; call += 1) {
      engine.health.acquire({ provider: "b", model: "two" })?.failed("overloaded", {});
    }
    await vi.advanceTimersByTimeAsync(3_000);
    const ran = await settle(start(engine, { timeoutMs: 1_000 }));
    expect(ran.error?.code).toBe("DEADLINE_EXCEEDED");
    expect(engine.asked()).toEqual(["a/one", "b/two"]);
    await expectPermitsBack(engine);
  });
});
