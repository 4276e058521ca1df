/** P: errors that a provider answers with before the first content token. */
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FALLBACK, NO_FALLBACK, type Rig, startRig } from "./rig/rig.ts";
import { sumOf } from "./rig/scrape.ts";
import { attemptsAt, spacingsMs, trial } from "./rig/trial.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig?.stop());

/** Models whose window the catalogue knows: a smaller and a larger one than the fallbacks have. */
const SMALL_WINDOW = { provider: "openai", model: "gpt-4o" } as const;
const LARGE_WINDOW = { provider: "kimi", model: "kimi-k3.1-pro" } as const;

describe.each([1, 50])("at concurrency %i", (concurrency) => {
  it("P07 500 once: the same provider is asked a second time, after a short random wait", async () => {
    const targets = Array.from({ length: concurrency }, () => rig.primary("500,once"));
    const seen = await trial(rig, concurrency, (index) => ({ model: targets[index] }));
    for (const { completed, asked, failureClasses } of seen.heard) {
      expect(completed).toBeDefined();
      expect([asked.length, failureClasses]).toEqual([2, ["server_error"]]);
    }
    const waits = targets.flatMap((target) => spacingsMs(attemptsAt(seen, target)));
    expect(waits.length).toBeGreaterThanOrEqual(Math.min(concurrency, 20));
    for (const waitMs of waits) expect(waitMs).toBeGreaterThanOrEqual(100);
    if (concurrency > 1) expect(new Set(waits.map(Math.round)).size).toBeGreaterThan(5);
  });

  it("P08 503 persistent: the next provider answers, and the events keep the first error", async () => {
    const { heard } = await trial(rig, concurrency, () => ({ model: rig.primary("503") }));
    for (const { served, asked, failures } of heard) {
      expect(served).toBe(FALLBACK);
      expect(asked.length).toBeLessThanOrEqual(3);
      expect(failures[0]).toMatchObject({ attempt: 1, failure: "server_error", willContinue: true });
    }
  });

  it("P08 503 persistent and nothing else left: the error holds the first failure", async () => {
    const targets = Array.from({ length: concurrency }, () => rig.primary("503"));
    const { heard } = await trial(rig, concurrency, (index) => ({
      model: targets[index],
      tier: NO_FALLBACK,
    }));
    heard.forEach(({ error }, index) => {
      expect(error).toMatchObject({ code: Code.Unavailable, reason: "PROVIDER_ERROR", pushback: "-1" });
      expect(error?.facts.attempt_1).toBe(`${targets[index]}: server_error`);
    });
  });

  it("P09 529 overloaded: no retry, the next provider at once", async () => {
    const seen = await trial(rig, concurrency, () => ({ model: rig.primary("529") }));
    for (const { served, asked, failureClasses } of seen.heard) {
      expect([served, asked.length, failureClasses]).toEqual([FALLBACK, 2, ["overloaded"]]);
    }
  });

  it("P19 200 with an HTML page: a protocol error, the next provider answers", async () => {
    const { heard } = await trial(rig, concurrency, () => ({ model: rig.primary("html-200") }));
    for (const { served, asked, failureClasses } of heard) {
      expect([served, asked.length, failureClasses]).toEqual([FALLBACK, 2, ["protocol"]]);
    }
  });

  it("P19 200 with an HTML page that never ends: it is not waited for, nor read", async () => {
    rig.proxy.plan(() => ({ kind: "cut_after", bytes: 1_000, by: "silence" }));
    const { heard } = await trial(rig, concurrency, () => ({
      model: rig.proxied("html-200"),
      timeoutMs: 3_000,
    }));
    for (const { served, failureClasses } of heard) {
      expect([served, failureClasses]).toEqual([FALLBACK, ["protocol"]]);
    }
  });

  it("P20 400 context length: not asked again, and nobody with the same window either", async () => {
    rig.sandbox.setFaults({ ...LARGE_WINDOW, faults: [{ fault: "context-length" }] });
    const { heard } = await trial(rig, concurrency, () => ({ model: targetOf(LARGE_WINDOW) }));
    for (const { error, asked } of heard) {
      expect(asked).toEqual([targetOf(LARGE_WINDOW)]);
      expect(error).toMatchObject({ code: Code.InvalidArgument, reason: "CONTEXT_LENGTH" });
    }
  });

  it("P20 400 context length: a model with a larger window is asked", async () => {
    rig.sandbox.setFaults({ ...SMALL_WINDOW, faults: [{ fault: "context-length" }] });
    const { heard } = await trial(rig, concurrency, () => ({ model: targetOf(SMALL_WINDOW) }));
    for (const { served, asked } of heard) {
      expect([served, asked]).toEqual([FALLBACK, [targetOf(SMALL_WINDOW), FALLBACK]]);
    }
  });

  it("P21 400 content filter: neither a retry nor another provider, and the reason is told", async () => {
    const model = rig.primary("content-filter");
    const { heard } = await trial(rig, concurrency, () => ({ model }));
    for (const { error, asked } of heard) {
      expect(asked).toEqual([model]);
      expect(error).toMatchObject({ code: Code.FailedPrecondition, reason: "CONTENT_FILTERED" });
    }
  });

  it.each([
    ["401", "auth", "unauthenticated", "PROVIDER_UNAUTHENTICATED"],
    ["403", "forbidden", "unauthenticated", "PROVIDER_UNAUTHENTICATED"],
    ["404", "model-404", "model_not_found", "MODEL_NOT_FOUND"],
  ])("P22 %s: the next provider answers, the route is parked and an operator called", async (...row) => {
    const [, fault, failure, reason] = row;
    const model = rig.primary(fault);
    const first = await trial(rig, concurrency, () => ({ model }));
    for (const { served, failureClasses } of first.heard) {
      expect(served).toBe(FALLBACK);
      expect(failureClasses.every((one) => one === failure)).toBe(true);
    }
    const next = await trial(rig, concurrency, () => ({ model }));
    expect(attemptsAt(next, model)).toEqual([]);
    expect(next.heard[0]?.decision?.rejectedTargets[0]?.detail).toContain("refused our key");
    const page = await rig.metrics();
    const calls = sumOf(page, "modeltier_provider_calls_total", { provider: "primary", outcome: failure });
    expect(calls).toBeGreaterThan(0);
    expect(sumOf(page, "modeltier_operator_needed_total", { provider: "primary", outcome: failure })).toBe(
      calls,
    );
    expect(rig.service.output().stderr).toMatch(new RegExp(`"level":"error".*"outcome":"${failure}"`));

    const alone = await trial(rig, concurrency, () => ({ model: rig.primary(fault), tier: NO_FALLBACK }));
    for (const { error } of alone.heard) expect(error).toMatchObject({ code: Code.Unavailable, reason });
  });
});

const targetOf = ({ provider, model }: Readonly<{ provider: string; model: string }>): string =>
  `${provider}/${model}`;
