import { describe, expect, it } from "vitest";
import { createMetrics } from "../telemetry/metrics.ts";
import { takeSnapshot } from "../telemetry/snapshot.ts";
import { readPrimaryMessage, readWorkerMessage } from "./messages.ts";

describe("a message between the primary and a worker", () => {
  it.each([
    { type: "drain" },
    { type: "certificates" },
    { type: "start", environment: { A: "1", B: undefined } },
    {
      type: "start",
      environment: {},
      reloaded: {},
      sandbox: { url: "http://s", baseUrls: { openai: "http://s/openai" } },
    },
    { type: "reload_ended", id: 1, outcome: { kind: "done", changed: ["kimi"] } },
    { type: "reload_ended", id: 1, outcome: { kind: "incomplete" } },
  ])("from the primary is taken as it is: %o", (message) => {
    expect(readPrimaryMessage(message)).toBe(message);
    expect(readWorkerMessage(message)).toBeUndefined();
  });

  it.each([
    undefined,
    "drain",
    { type: "toString" },
    { type: "stop" },
    { type: "start" },
    { type: "start", environment: { A: 1 } },
    { type: "start", environment: {}, sandbox: { url: "http://s" } },
    { type: "reload", environment: {} },
    { type: "reload_ended", id: 1, outcome: { kind: "refused" } },
    { type: "metrics", id: 1.5, text: "" },
  ])("is nothing when it is not one of the primary's: %o", (value) => {
    expect(readPrimaryMessage(value)).toBeUndefined();
  });

  it("carries metrics, of which only what can be added up is taken", async () => {
    const metrics = await takeSnapshot(createMetrics());
    expect(readWorkerMessage({ type: "snapshot", metrics })).toBeDefined();
    const [first] = metrics;
    for (const wrong of [{ aggregator: "median" }, { values: [{ value: "1", labels: {} }] }, { name: 1 }]) {
      expect(readWorkerMessage({ type: "snapshot", metrics: [{ ...first, ...wrong }] })).toBeUndefined();
    }
  });
});
