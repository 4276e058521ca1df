/** R1, R5, R6: no call outlasts its deadline whatever the provider does, failing over is quick, and a provider is let go at once. */
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LedgerEntry } from "../../src/sandbox/ledger.ts";
import { FALLBACK, holdsWithin, type Rig, startRig } from "./rig/rig.ts";
import { attemptsAt, gapsMs, observe, trial } from "./rig/trial.ts";

/** Far below every limit of an attempt, so that nothing but the deadline can end a call. */
const DEADLINE_MS = 1_000;
const ENDED_WITHIN_MS = 250;
const CLOSED_WITHIN_MS = 100;
const FAILED_OVER_WITHIN_MS = 50;
const GRACE_MS = 1_000;

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig?.stop());

const percentile99 = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.ceil(values.length * 0.99) - 1] ?? Number.NaN;

describe.each([1, 50])("at concurrency %i", (concurrency) => {
  it.each([
    ["accepts and never answers", "silence"],
    ["has its headers late", "slow-headers=20000"],
    ["has its first token late", "slow-first-token=20000"],
    ["sends nothing but comments", "ping-only=0"],
    ["falls silent in its answer", "stall=5"],
    ["sends nothing but comments in its answer", "ping-only=5"],
  ])("R1 R6 a provider that %s: the deadline ends the call, and the provider's with it", async (_, fault) => {
    const targets = Array.from({ length: concurrency }, () => rig.primary(fault));
    const seen = await trial(
      rig,
      concurrency,
      (index) => ({ model: targets[index], timeoutMs: DEADLINE_MS }),
      { ledger: "usage lost" },
    );
    for (const { error, elapsedMs } of seen.heard) {
      expect(error?.code).toBe(Code.DeadlineExceeded);
      expect(elapsedMs).toBeLessThanOrEqual(DEADLINE_MS + ENDED_WITHIN_MS);
    }
    for (const { attempts, status } of seen.rows) {
      expect([status, attempts.length]).toEqual(["deadline_exceeded", 1]);
    }
    const exchanges = targets.flatMap((target) => attemptsAt(seen, target));
    expect(exchanges).toHaveLength(concurrency);
    for (const { end, startedAtMs, endedAtMs = Number.NaN } of exchanges) {
      expect(end).toBe("aborted_by_client");
      expect(endedAtMs - startedAtMs).toBeLessThanOrEqual(DEADLINE_MS + CLOSED_WITHIN_MS);
    }
    const after = await trial(rig, 1, () => ({ model: targets[0]?.split("!", 1)[0] ?? "" }));
    expect(after.heard[0]?.completed).toBeDefined();
  });
});

it("R5 from a failure to the next attempt's first byte it takes 50 ms at most, in 99 of 100 calls", async () => {
  const seen = await observe(rig, async (call) => {
    const heard = [];
    for (let calls = 0; calls < 100; calls += 1) heard.push(await call({ model: rig.primary("529") }));
    return heard;
  });
  for (const { asked } of seen.heard) expect([asked.length, asked[1]]).toEqual([2, FALLBACK]);
  const waits = gapsMs(seen.ledger).filter((_, index) => index % 2 === 0);
  expect(waits).toHaveLength(100);
  expect(percentile99(waits)).toBeLessThanOrEqual(FAILED_OVER_WITHIN_MS);
});

it.each([1, 50])(
  "R6 a shutdown at concurrency %i: once the grace is over the providers are let go",
  async (callers) => {
    const stopping = await startRig({ env: { MODELTIER_GRACE_SECONDS: String(GRACE_MS / 1_000) } });
    stopping.database.on("error", () => {}); // it goes with the service
    const { ledger } = stopping.sandbox;
    const calls = Array.from({ length: callers }, () =>
      stopping.call("stopping", { model: stopping.primary("stall=5") }),
    );
    expect(await holdsWithin(5_000, () => ledger.entries().filter(hasSpoken).length === callers)).toBe(true);
    const signalledMs = performance.now();
    const exit = stopping.service.stop();
    expect(
      await holdsWithin(
        GRACE_MS + (callers === 1 ? CLOSED_WITHIN_MS : ENDED_WITHIN_MS),
        () => ledger.openExchanges === 0,
      ),
    ).toBe(true);
    expect(performance.now() - signalledMs).toBeGreaterThanOrEqual(GRACE_MS - 10);
    for (const { error } of await Promise.all(calls)) expect(error?.code).toBe(Code.Unavailable);
    expect(await exit).toBe(0);
    await stopping.stop();
  },
);

const hasSpoken = ({ tokensSent }: LedgerEntry): boolean => tokensSent >= 5;
