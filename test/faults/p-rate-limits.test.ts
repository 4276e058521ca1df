/** P: providers that say "too much" before the first content token. Their clock is an hour ahead of ours. */
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Tier } from "../../gen/modeltier/v1/routing_pb.js";
import type { Dialect } from "../../src/providers/provider.ts";
import { latenessMs } from "./rig/lateness.ts";
import { FALLBACK, type Rig, startRig } from "./rig/rig.ts";
import { sumOf } from "./rig/scrape.ts";
import { attemptsAt, gapsMs, spacingsMs, trial } from "./rig/trial.ts";

/** Stands still, so that a date in a header is exactly as far away as it was meant to be. */
const providersMs = Date.now() + 3_600_000;

/** Of second attempts, in ms. */
type Waits = Readonly<{ spacings: readonly number[]; gaps: readonly number[] }>;

let rig: Rig;
beforeAll(async () => {
  rig = await startRig({
    sandbox: { wallClock: () => providersMs },
    env: { MODELTIER_TIER_FAST: "primary/empty-account!quota" },
  });
});
afterAll(() => rig?.stop());

/** Models that are asked once in this file: an empty account is left alone for longer than the file runs. */
const OUT_OF_QUOTA: Readonly<Record<number, Readonly<Record<Dialect, string>>>> = {
  1: { openai: "gpt-4o", anthropic: "claude-haiku-4-5-20251001", kimi: "kimi-k2.6" },
  50: { openai: "gpt-4o-mini", anthropic: "claude-sonnet-5-5", kimi: "kimi-k2.7-code" },
};

describe.each([1, 50])("at concurrency %i", (concurrency) => {
  /** Calls at one target each, whose first attempt meets the faults; the waits before second attempts there. */
  async function waitsAfter(faults: string): Promise<Waits> {
    const targets = Array.from({ length: concurrency }, () => rig.primary(`${faults},once`));
    const seen = await trial(rig, concurrency, (index) => ({ model: targets[index] }));
    for (const { completed, asked } of seen.heard) {
      expect(completed).toBeDefined();
      expect(asked.length).toBe(2);
    }
    const attempts = targets.map((target) => attemptsAt(seen, target));
    return { spacings: attempts.flatMap(spacingsMs), gaps: attempts.flatMap(gapsMs) };
  }

  /** The retry budget allows thirty in ten seconds, or one for ten calls; the other calls move on. */
  const expectWaits = ({ spacings, gaps }: Waits, leastMs: number, mostMs: number): void => {
    if (concurrency === 1) expect(gaps).toHaveLength(1);
    expect(gaps.length).toBeLessThanOrEqual(Math.max(30, rig.calls() / 10));
    for (const spacing of spacings) expect(spacing).toBeGreaterThanOrEqual(leastMs);
    for (const gap of gaps) {
      expect(gap).toBeLessThanOrEqual(concurrency === 1 ? mostMs : mostMs + latenessMs(concurrency));
    }
  };

  it("P01 429 with Retry-After: one retry, never before it and hardly after", async () => {
    expectWaits(await waitsAfter("429-retry-after=2"), 2_000, 2_400);
  });

  it("P01 429 with Retry-After beyond the caller's deadline: the next provider answers at once", async () => {
    const seen = await trial(rig, concurrency, () => ({
      model: rig.primary("429-retry-after=2"),
      timeoutMs: 1_500,
    }));
    for (const { served, asked } of seen.heard) expect([served, asked.length]).toEqual([FALLBACK, 2]);
  });

  it("P02 429 with a Retry-After date: measured by the provider's own Date header", async () => {
    expectWaits(await waitsAfter("429-retry-after-date=2"), 2_000, 2_400);
  });

  it("P03 429 with retry-after-ms: it wins over Retry-After", async () => {
    expectWaits(await waitsAfter("429-retry-after-ms=300,429-retry-after=2"), 300, 1_000);
  });

  it("P03 429 with a wait of 0: no wait", async () => {
    expectWaits(await waitsAfter("429-retry-after-ms=0"), 0, 250);
  });

  it("P03 429 with x-ratelimit-reset: honoured", async () => {
    expectWaits(await waitsAfter("429-ratelimit-reset=500"), 500, 1_200);
  });

  it("P05 429 without Retry-After: the next provider answers, and the first is left alone", async () => {
    const model = rig.primary("429");
    const first = await trial(rig, concurrency, () => ({ model }));
    expect(attemptsAt(first, model).length).toBeLessThanOrEqual(concurrency === 1 ? 2 : concurrency);
    for (const { served, failureClasses } of first.heard) {
      expect(served).toBe(FALLBACK);
      expect(failureClasses.every((failure) => failure === "rate_limited")).toBe(true);
    }
    const next = await trial(rig, concurrency, () => ({ model }));
    expect(attemptsAt(next, model)).toEqual([]);
  });

  it.each(["openai", "anthropic", "kimi"] as const)(
    "P06 429 quota exhausted (%s): no retry, a long cool-down and an alert",
    async (provider) => {
      const model = OUT_OF_QUOTA[concurrency]?.[provider] ?? "";
      const target = `${provider}/${model}`;
      rig.sandbox.setFaults({ provider, model, faults: [{ fault: "quota" }] });
      const first = await trial(rig, concurrency, () => ({ model: target }));
      for (const { completed, asked, failureClasses } of first.heard) {
        expect(completed).toBeDefined();
        expect(asked.filter((name) => name === target).length).toBeLessThanOrEqual(1);
        expect(failureClasses.every((failure) => failure === "quota_exhausted")).toBe(true);
      }
      expect(attemptsAt(first, target).length).toBeGreaterThanOrEqual(1);

      for (let calls = 0; calls < 100; calls += 50) {
        const next = await trial(rig, 50, () => ({ model: target }));
        expect(attemptsAt(next, target)).toEqual([]);
      }
      const labels = { provider, model };
      const page = await rig.metrics();
      expect(sumOf(page, "modeltier_breaker_state", labels)).toBe(2);
      const counted = sumOf(page, "modeltier_provider_calls_total", {
        ...labels,
        outcome: "quota_exhausted",
      });
      expect(counted).toBeGreaterThanOrEqual(1);
      expect(sumOf(page, "modeltier_operator_needed_total", labels)).toBe(counted);
      expect(rig.service.output().stderr).toMatch(
        new RegExp(`"level":"error".*"model":"${model}","outcome":"quota_exhausted"`),
      );
    },
  );

  it("P06 429 quota exhausted and nothing else left: the caller is told so, and to wait for a minute", async () => {
    const { heard } = await trial(rig, concurrency, () => ({ tier: Tier.FAST }));
    for (const { error, asked } of heard) {
      // Fifty come while the route cools down: then it is not asked.
      const wasAsked = asked.length > 0;
      expect(error?.code).toBe(wasAsked ? Code.ResourceExhausted : Code.Unavailable);
      expect(error?.reason).toBe(wasAsked ? "QUOTA_EXHAUSTED" : "TARGETS_UNAVAILABLE");
      expect(error?.retryAfterMs).toBeGreaterThan(wasAsked ? 59_000 : 10_000);
      expect(error?.retryAfterMs).toBeLessThanOrEqual(60_000);
    }
  });
});
