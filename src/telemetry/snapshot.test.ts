import { describe, expect, it } from "vitest";
import { createMetrics } from "./metrics.ts";
import { keepTotals, renderSnapshot, sumSnapshots, takeSnapshot } from "./snapshot.ts";

const TARGET = { provider: "openai", model: "gpt-4o" };
const COST = { ...TARGET, tier: "fast" };

/** A process that paid the amounts. */
const paid = (...amounts: readonly bigint[]) => {
  const metrics = createMetrics();
  for (const nanoUsd of amounts) {
    metrics.providerCost.add(COST, nanoUsd);
    metrics.cacheSavings.add(TARGET, nanoUsd);
  }
  return metrics;
};

const valuesIn = (text: string, name: string): readonly number[] =>
  text
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .map((line) => Number(line.slice(line.lastIndexOf(" ") + 1)));

describe("the sum of several processes' metrics", () => {
  it("adds dollars in nano-USD: 0.1 and 0.2 are 0.3, and a nano-dollar survives beside four million", async () => {
    const costOf = async (...amounts: readonly bigint[]) => {
      const snapshots = await Promise.all(amounts.map((amount) => takeSnapshot(paid(amount))));
      return valuesIn(
        await renderSnapshot(await sumSnapshots(snapshots)),
        "modeltier_provider_cost_usd_total",
      );
    };
    expect(await costOf(100_000_000n, 200_000_000n)).toEqual([0.3]);
    expect(await costOf(4_000_000_000_000_001n, 4_000_000_000_000_002n)).toEqual([8_000_000.000_000_003]);
  });

  it("shows of one process what that process shows itself", async () => {
    const metrics = paid(123_456_789n);
    metrics.overhead.observe(0.002);
    metrics.providerCalls.labels("openai", "gpt-4o", "fast", "ok").inc(3);
    metrics.configVersion.set(7);
    const own = await metrics.registry.metrics();
    const rendered = await renderSnapshot(await sumSnapshots([await takeSnapshot(metrics)]));
    const ours = (text: string) => text.split("\n").filter((line) => line.includes("modeltier_"));
    expect(ours(rendered)).toEqual(ours(own));
  });

  it("adds counts and queues, and takes the highest of what is a state", async () => {
    const [one, two] = [paid(), paid()];
    one.breakerState.labels("openai", "gpt-4o").set(2);
    two.breakerState.labels("openai", "gpt-4o").set(0);
    for (const metrics of [one, two]) {
      metrics.configVersion.set(7);
      metrics.spoolRecords.set(5);
      metrics.overhead.observe(0.002);
    }
    const text = await renderSnapshot(await sumSnapshots([await takeSnapshot(one), await takeSnapshot(two)]));
    expect(valuesIn(text, "modeltier_breaker_state")).toEqual([2]);
    expect(valuesIn(text, "modeltier_config_version")).toEqual([7]);
    expect(valuesIn(text, "modeltier_spool_records")).toEqual([10]);
    expect(valuesIn(text, "modeltier_overhead_seconds_count")).toEqual([2]);
  });

  it("keeps of a process that is gone what it counted and paid, not the state it was in", async () => {
    const gone = paid(5n);
    gone.spoolRecords.set(5);
    gone.overhead.observe(0.002);
    const kept = keepTotals(await takeSnapshot(gone)).map(({ name }) => name);
    expect(kept).toEqual(
      expect.arrayContaining([
        "modeltier_provider_cost_usd_total",
        "modeltier_provider_cache_savings_usd",
        "modeltier_overhead_seconds",
        "process_cpu_user_seconds_total",
      ]),
    );
    expect(kept).not.toContain("modeltier_spool_records");
    expect(kept).not.toContain("process_resident_memory_bytes");
  });
});
