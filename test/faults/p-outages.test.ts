/** P: providers that are down for a while, one of them or all. */
import { setTimeout as sleep } from "node:timers/promises";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { callersWhile, FAILURES_IN_A_ROW, flap, mostAtOnce, OPEN_MS, OUTAGE_MS } from "./rig/flapping.ts";
import { FALLBACK, NO_FALLBACK, type Rig, startRig } from "./rig/rig.ts";
import { sumOf } from "./rig/scrape.ts";
import { attemptsAt, observe } from "./rig/trial.ts";

const BACK_WITHIN_MS = 5_000;
const LOAD_MS = 2_500;

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig?.stop());

describe.each([1, 50])("at concurrency %i", (concurrency) => {
  it("P24 a primary that goes down and comes up: fallbacks serve, one probe at a time, back within 5 s", async () => {
    const { seen, target, probes, backAfterMs } = await flap(rig, concurrency);
    expect(seen.heard.length).toBeGreaterThanOrEqual(20);
    for (const { served } of seen.heard) expect([FALLBACK, target]).toContain(served);
    expect(backAfterMs).toBeLessThanOrEqual(BACK_WITHIN_MS);
    expect(probes.length).toBeGreaterThanOrEqual(1);
    expect(probes.length).toBeLessThanOrEqual(Math.ceil(OUTAGE_MS / OPEN_MS));
    expect(mostAtOnce(probes)).toBe(1);
  });

  it("P25 everything down: a quick UNAVAILABLE that says when to come back, a probe a second, no spinning", async () => {
    const target = rig.primary("503");
    const ask = { model: target, tier: NO_FALLBACK };
    for (let calls = 0; calls < 2 * FAILURES_IN_A_ROW; calls += 1) await rig.call("opening", ask);
    const untilMs = performance.now() + LOAD_MS;
    const goesOn = (): boolean => performance.now() < untilMs;
    const seen = await observe(
      rig,
      (call) => callersWhile(concurrency, 4 * concurrency, goesOn, () => call(ask)),
      { withoutHealthyCall: true },
    );
    expect(seen.heard.length).toBeGreaterThan(20); // a slow machine asks less often
    for (const { error } of seen.heard) expect(error?.code).toBe(Code.Unavailable);
    const refused = seen.rows.filter(({ attempts }) => attempts.length === 0);
    expect(refused.length).toBeGreaterThan(seen.rows.length * 0.9);
    const latencies = refused.map(({ latencyMs }) => latencyMs).toSorted((a, b) => a - b);
    expect(latencies[Math.floor(latencies.length * 0.99)]).toBeLessThanOrEqual(concurrency === 1 ? 50 : 500);
    const told = seen.heard.filter(({ error }) => error?.retryAfterMs !== undefined);
    expect(told.length).toBeGreaterThan(seen.heard.length * 0.9);

    const probes = attemptsAt(seen, target);
    expect(probes.length).toBeGreaterThanOrEqual(2);
    expect(probes.length).toBeLessThanOrEqual(Math.ceil(LOAD_MS / 1_000) + 1);
    expect(mostAtOnce(probes)).toBe(1);

    const cpuSeconds = (page: string): number => sumOf(page, "process_cpu_seconds_total");
    const before = await rig.metrics();
    await sleep(1_000);
    expect(cpuSeconds(await rig.metrics()) - cpuSeconds(before)).toBeLessThan(0.3);
  });
});
