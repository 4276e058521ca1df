import { describe, expect, it } from "vitest";
import { sumOf } from "../../test/faults/rig/scrape.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { takeSnapshot } from "../telemetry/snapshot.ts";
import { TotalMetrics } from "./total-metrics.ts";

/** What a worker says that made so many calls and has so many records in its queue. */
const saying = (calls: number, queued = 0) => {
  const metrics = createMetrics();
  metrics.providerCalls.labels("openai", "gpt-4o", "fast", "ok").inc(calls);
  metrics.spoolRecords.set(queued);
  return takeSnapshot(metrics);
};

const CALLS = "modeltier_provider_calls_total";
const read = async (total: TotalMetrics, name: string) => sumOf(await total.render(), name);

describe("the metrics of all workers", () => {
  it("are the sum of what each said last", async () => {
    const total = new TotalMetrics();
    total.note(1, await saying(3));
    total.note(2, await saying(4));
    total.note(1, await saying(5));
    expect(await read(total, CALLS)).toBe(9);
  });

  it("never fall when workers go, one or several at once, whoever takes their place", async () => {
    const total = new TotalMetrics();
    total.note(1, await saying(3, 10));
    total.note(2, await saying(4, 20));
    total.note(3, await saying(5, 30));
    const gone = [total.retire(1), total.retire(2)];
    expect(await read(total, CALLS)).toBe(12);
    await Promise.all(gone);
    expect(await read(total, CALLS)).toBe(12);
    expect(await read(total, "modeltier_spool_records")).toBe(30);
    total.note(4, await saying(1));
    await total.retire(4);
    expect(await read(total, CALLS)).toBe(13);
  });

  it("lose nothing by a worker that died before it said anything", async () => {
    const total = new TotalMetrics();
    total.note(1, await saying(3));
    await total.retire(2);
    expect(await read(total, CALLS)).toBe(3);
  });

  it("count who took the place of another", async () => {
    const total = new TotalMetrics();
    expect(await read(total, "modeltier_worker_restarts_total")).toBe(0);
    total.countRestart();
    expect(await read(total, "modeltier_worker_restarts_total")).toBe(1);
  });
});
