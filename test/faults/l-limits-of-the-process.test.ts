/** L09 and L11: providers that all fail at once, and a heap that is nearly full. */
import { setTimeout as sleep } from "node:timers/promises";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { ask as askWith } from "../support/workers.ts";
import type { Heard } from "./rig/call.ts";
import { type Replicas, startReplicas } from "./rig/replicas.ts";
import { holdsWithin } from "./rig/rig.ts";
import { sumOf } from "./rig/scrape.ts";
import { isThorough } from "./rig/thorough.ts";

describe("L09 every attempt at every provider fails", () => {
  const CALLS_PER_SECOND = isThorough ? 200 : 100;
  const SECONDS = isThorough ? 60 : 4;
  /** What the retry budget always allows. */
  const RETRIES_PER_SECOND = 3;
  let rig: Replicas;
  beforeAll(async () => {
    rig = await startReplicas(1, { MODELTIER_MAX_LAG_MS: "10000" });
  }, 60_000);
  afterAll(() => rig?.stop());

  it(`at ${CALLS_PER_SECOND} calls/s: there are hardly more attempts than calls, and every call is told the truth`, {
    timeout: 180_000,
  }, async () => {
    const { sandbox } = rig;
    const [replica] = rig.replicas;
    sandbox.setFaults({ faults: [{ fault: "503" }] });
    const calls: Promise<Heard>[] = [];
    const startMs = performance.now();
    for (let number = 0; number < CALLS_PER_SECOND * SECONDS; number += 1) {
      calls.push(replica.call(`agent-${number % 50}`, {}));
      const dueMs = startMs + (number / CALLS_PER_SECOND) * 1_000;
      if (dueMs > performance.now()) await sleep(dueMs - performance.now());
    }
    const heard = await Promise.all(calls);
    const seconds = (performance.now() - startMs) / 1_000;
    expect(new Set(heard.map(({ error }) => error?.code))).toEqual(new Set([Code.Unavailable]));
    const attempts = sandbox.ledger.entries().length;
    expect(attempts).toBeGreaterThan(0);
    expect(attempts).toBeLessThanOrEqual(1.1 * heard.length + RETRIES_PER_SECOND * seconds);
    sandbox.clearFaults();
    expect(
      await holdsWithin(10_000, async () => (await replica.call("agent", {})).completed !== undefined),
    ).toBe(true);
  });
});

describe("L11 a heap of 160 MB", () => {
  /** A client holds at most 10 MB of requests to a connection. */
  const CONNECTIONS = 16;
  const CALLS_EACH = 20;
  let rig: Replicas;
  beforeAll(async () => {
    rig = await startReplicas(1, {
      NODE_OPTIONS: "--max-old-space-size=160",
      MODELTIER_MAX_LAG_MS: "10000",
      MODELTIER_HEADERS_TIMEOUT_MS: "120000",
      // More than there is room for: what is left is the look at the heap.
      MODELTIER_MAX_REQUEST_BYTES: String(512 * 1024 * 1024),
    });
  }, 60_000);
  afterAll(() => rig?.stop());

  it("under prompts of 400 KB that wait for their provider: calls are refused before there is no room, and the process lives", {
    timeout: 180_000,
  }, async () => {
    const [replica] = rig.replicas;
    rig.sandbox.setFaults({ faults: [{ fault: "slow-headers=110000" }] });
    const request = askWith("a word and another ".repeat(21_000));
    const leaving = new AbortController();
    const ends = Array.from({ length: CONNECTIONS }, () => {
      const baseUrl = `http://${replica.service.grpcAddress}`;
      const router = createClient(RouterService, createGrpcTransport({ baseUrl }));
      return Array.from({ length: CALLS_EACH }, () =>
        router.completeOnce({ request }, { signal: leaving.signal }).then(
          () => "served",
          (error: unknown) => ConnectError.from(error),
        ),
      );
    }).flat();
    const sum = async (name: string) => sumOf(await replica.metrics(), name);
    const isFull = async () => (await sum("modeltier_admission_refusals_total")) > 0;
    expect(await holdsWithin(120_000, isFull)).toBe(true);
    expect(await sum("modeltier_calls_in_flight")).toBeGreaterThan(20);
    leaving.abort();
    const codes = (await Promise.all(ends)).map((end) => (typeof end === "string" ? end : end.code));
    expect(new Set(codes)).toEqual(new Set([Code.ResourceExhausted, Code.Canceled]));
    rig.sandbox.clearFaults();
    const isServed = async () => (await replica.call("agent", {})).completed !== undefined;
    expect(await holdsWithin(20_000, isServed)).toBe(true);
    expect(await sum("modeltier_request_bytes_in_flight")).toBe(0);
  });
});
