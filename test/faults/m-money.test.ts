/** M: what attempts cost, held against the providers' own ledger. */
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UsageSource } from "../../gen/modeltier/v1/completion_pb.js";
import type { Dialect } from "../../src/providers/provider.ts";
import { latenessMs } from "./rig/lateness.ts";
import { FALLBACK, holdsWithin, type Rig, startRig } from "./rig/rig.ts";
import { sumOf } from "./rig/scrape.ts";
import { attemptsAt, observe, trial } from "./rig/trial.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig?.stop());

/** Sets what a priced model meets until it is set anew; "" for nothing. */
function setFault(target: string, fault: string): void {
  const [provider, model = ""] = target.split("/") as [Dialect, string];
  rig.sandbox.setFaults({ provider, model, faults: fault === "" ? [] : [{ fault }] });
}

/** USD per million tokens is 1,000 nano-USD a token. */
const nanoUsdPerToken = (usdPerMtok: number): bigint => BigInt(Math.round(usdPerMtok * 1_000));

type Golden = Readonly<{
  target: string;
  recording: string;
  /** As the provider bills them: fresh, cached and written input, output. */
  tokens: readonly [number, number, number, number];
  /** In the same order, in USD per million tokens. */
  prices: readonly [number, number, number, number];
}>;

const HAIKU_PRICES = [1, 0.1, 1.25, 5] as const;
const GOLDEN: readonly Golden[] = [
  {
    target: "anthropic/claude-haiku-4-5-20251001",
    recording: "cache-write-stream.sse",
    tokens: [4, 0, 1_165, 201],
    prices: HAIKU_PRICES,
  },
  {
    target: "anthropic/claude-haiku-4-5-20251001",
    recording: "cache-read-stream.sse",
    tokens: [4, 1_165, 0, 221],
    prices: HAIKU_PRICES,
  },
  {
    target: "kimi/kimi-k2.6",
    recording: "thinking-stream.sse",
    tokens: [0, 9, 0, 158],
    prices: [0.95, 0.16, 0.95, 4],
  },
  {
    target: "openai/gpt-5.4-mini",
    recording: "reasoning-stream.sse",
    tokens: [19, 0, 0, 75],
    prices: [0.75, 0.075, 0.75, 4.5],
  },
];

describe.each([1, 50])("at concurrency %i", (concurrency) => {
  it("M01 a fallback after an attempt that made tokens: each has its row and its cost", async () => {
    const target = concurrency === 1 ? "openai/gpt-4o" : "openai/gpt-4o-mini";
    setFault(target, "cut=40");
    const ask = () => ({ model: target, acceptRestart: true, prompt: "Say hello [tokens=60]" });
    const { heard, rows } = await trial(rig, concurrency, ask);
    const byDecision = new Map(rows.map((row) => [row.decisionId, row]));
    for (const { served, completed, decision } of heard) {
      expect(served).toBe(FALLBACK);
      const row = byDecision.get(decision?.decisionId ?? "");
      expect(row?.target).toBe(FALLBACK);
      const cut = row?.attempts.filter(({ outcome }) => outcome === "truncated") ?? [];
      for (const { target: asked, usageSource, costNanoUsd, tokens } of cut) {
        expect([asked, usageSource, tokens.output >= 40]).toEqual([target, "PARTIAL", true]);
        expect(costNanoUsd).toBeGreaterThan(0n);
      }
      const own = row?.attempts.at(-1)?.costNanoUsd ?? 0n;
      const lost = cut.reduce((sum, { costNanoUsd }) => sum + costNanoUsd, 0n);
      expect(completed?.costNanoUsd).toBe(own + lost);
    }
    const first = rows.filter(({ attempts }) => attempts[0]?.target === target);
    expect(first.length).toBeGreaterThanOrEqual(Math.min(concurrency, 5));
  });

  it.each(["no-usage", "usage-null", "usage-zero"])(
    "M02 usage that is missing, null or zero (%s): estimated, the method named, never free",
    async (fault) => {
      for (const target of ["openai/gpt-5.6-luna", "anthropic/claude-haiku-5-5", "kimi/kimi-k2.7-code"]) {
        setFault(target, fault);
        const { heard, rows } = await trial(rig, concurrency, () => ({ model: target }));
        setFault(target, "");
        for (const { completed, served } of heard) {
          expect([served, completed?.usage?.source]).toEqual([target, UsageSource.ESTIMATED]);
        }
        for (const attempt of rows.flatMap(({ attempts }) => attempts)) {
          expect(attempt).toMatchObject({
            usageSource: "ESTIMATED",
            usageMethod: "pieces_and_characters",
            priceStatus: "KNOWN",
          });
          expect(attempt.tokens.freshInput).toBeGreaterThan(0);
          expect(attempt.tokens.output).toBeGreaterThan(0);
          expect(attempt.costNanoUsd).toBeGreaterThan(0n);
        }
      }
    },
  );

  it.each(GOLDEN)(
    "M04 cached tokens ($target, $recording): billed once each, to the nano-USD",
    async (golden) => {
      const { target, recording, tokens, prices } = golden;
      setFault(target, `recorded=${recording}`);
      const { rows } = await trial(rig, concurrency, () => ({ model: target }));
      setFault(target, "");
      const cost = tokens.reduce((sum, count, kind) => {
        return sum + BigInt(count) * nanoUsdPerToken(prices[kind] ?? Number.NaN);
      }, 0n);
      const [freshInput, cachedInput, cacheWrite, output] = tokens;
      for (const { attempts } of rows) {
        expect(attempts.at(-1)).toMatchObject({
          target,
          usageSource: "REPORTED",
          tokens: { freshInput, cachedInput, cacheWrite, output },
          costNanoUsd: cost,
        });
      }
    },
  );

  it("M04 cached tokens (OpenAI's are part of its input): the second of two equal prompts is cheaper", async () => {
    const prompt = `${"All the rules that stay the same. ".repeat(160)} ${concurrency}`;
    await trial(rig, 1, () => ({ model: "openai/gpt-6.1-terra", prompt }));
    const { rows } = await trial(rig, concurrency, () => ({ model: "openai/gpt-6.1-terra", prompt }));
    for (const { tokens, costNanoUsd } of rows) {
      const { freshInput, cachedInput, cacheWrite, output } = tokens;
      expect([cachedInput >= 1_024, cachedInput % 128, cacheWrite]).toEqual([true, 0, 0]);
      const cost =
        BigInt(freshInput) * nanoUsdPerToken(1) +
        BigInt(cachedInput) * nanoUsdPerToken(0.05) +
        BigInt(output) * nanoUsdPerToken(5);
      expect(costNanoUsd).toBe(cost);
    }
  });

  it.each(["openai/gpt-6-luna", "kimi/kimi-k3"])(
    "M05 usage that is reported twice and differs (%s): the later report counts, and the mismatch is counted",
    async (target) => {
      setFault(target, "usage-mismatch");
      const seen = await trial(rig, concurrency, () => ({ model: target }));
      setFault(target, "");
      for (const { usageSource } of seen.rows) expect(usageSource).toBe("REPORTED");
      const metric = "modeltier_usage_mismatches_total";
      const labels = { model: target.slice(target.indexOf("/") + 1) };
      expect(sumOf(seen.after, metric, labels) - sumOf(seen.before, metric, labels)).toBe(concurrency);
    },
  );

  it("M11 a cancelled stream: at least what was delivered is paid for, and the provider is let go", async () => {
    const target = "openai/gpt-6.1-sol";
    setFault(target, "stall=40");
    const seen = await observe(rig, async (call) => {
      const ask = { model: target, leavesWhen: ({ deltas }: { deltas: number }) => deltas >= 40 };
      const heard = await Promise.all(Array.from({ length: concurrency }, () => call(ask)));
      const isLetGo = await holdsWithin(
        latenessMs(concurrency),
        () => rig.sandbox.ledger.openExchanges === 0,
      );
      expect(isLetGo).toBe(true);
      return heard;
    });
    setFault(target, "");
    expect(attemptsAt(seen, target)).toHaveLength(concurrency);
    for (const { end } of seen.ledger) expect(end).toBe("aborted_by_client");
    for (const { error, deltas } of seen.heard) {
      expect([error?.code, deltas]).toEqual([Code.Canceled, 40]);
    }
    for (const { attempts, status } of seen.rows) {
      const [attempt] = attempts;
      expect([status, attempts.length, attempt?.outcome]).toEqual(["cancelled", 1, "cancelled"]);
      expect(attempt).toMatchObject({ usageSource: "PARTIAL", priceStatus: "KNOWN" });
      const delivered =
        40n * nanoUsdPerToken(10) + BigInt(attempt?.tokens.freshInput ?? 0) * nanoUsdPerToken(2);
      expect(attempt?.costNanoUsd).toBeGreaterThanOrEqual(delivered);
    }
  });
});
