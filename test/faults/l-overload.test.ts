/** L: more than the service takes at a time. */
import { once } from "node:events";
import { connect } from "node:net";
import { Code, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterEach, expect, it } from "vitest";
import { openLoop } from "../../bench/lib/open-loop.ts";
import { percentile } from "../../bench/lib/stats.ts";
import { ProviderService } from "../../gen/modeltier/v1/provider_service_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { RejectionReason } from "../../gen/modeltier/v1/routing_pb.js";
import { type RunningService, startService } from "../support/service.ts";
import { type Ask, call } from "./rig/call.ts";
import { holdsWithin } from "./rig/rig.ts";
import { sumOf } from "./rig/scrape.ts";
import { isThorough } from "./rig/thorough.ts";

const MINI = "openai/gpt-4o-mini";
/** Under way for long enough, and not so long that the attempt would be given up. */
const SLOW = `${MINI}!slow-first-token=4000`;
const MIB = 1024 * 1024;
const FIT = 32;
const ROUNDS = isThorough ? 50 : 10;

let service: RunningService | undefined;
afterEach(async () => {
  await service?.stop("SIGKILL");
  service = undefined;
});

async function start(env: Readonly<Record<string, string>>) {
  const running = await startService({ env });
  service = running;
  const transport = createGrpcTransport({ baseUrl: `http://${running.grpcAddress}` });
  const router = createClient(RouterService, transport);
  const page = async () => (await fetch(`${running.httpUrl}/metrics`)).text();
  return {
    ...running,
    router,
    providers: createClient(ProviderService, transport),
    ask: (ask: Ask = {}) => call(router, "agent", "", { model: MINI, ...ask }),
    sum: async (name: string, labels: Readonly<Record<string, string>> = {}) =>
      sumOf(await page(), name, labels),
  };
}

it("L05 with as many calls in flight as may be, more are refused with when to come back, and operators get in", async () => {
  const { ask, sum, router, providers, httpUrl } = await start({ MODELTIER_MAX_CALLS: "2" });
  const held = [ask({ model: SLOW }), ask({ model: SLOW })];
  expect(await holdsWithin(5_000, async () => (await sum("modeltier_calls_in_flight")) === 2)).toBe(true);
  const { error } = await ask();
  expect(error).toMatchObject({
    code: Code.ResourceExhausted,
    reason: "OVERLOADED",
    facts: { cause: "calls" },
  });
  expect(error?.retryAfterMs).toBeGreaterThan(0);
  expect(Number(error?.pushback)).toBeGreaterThan(0);
  const response = await fetch(`${httpUrl}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "auto", messages: [{ role: "user", content: "Say hello" }] }),
  });
  expect(response.status).toBe(503);
  expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(await response.json()).toMatchObject({ error: { code: "overloaded", type: "server_error" } });
  expect((await providers.listProviders({})).providers.length).toBeGreaterThan(0);
  expect((await router.route({ agentId: "agent" })).decision).toBeDefined();
  expect(await sum("modeltier_admission_refusals_total", { cause: "calls" })).toBe(2);
  await Promise.all(held);
  expect((await ask()).completed).toBeDefined();
  expect(await holdsWithin(5_000, async () => (await sum("modeltier_calls_in_flight")) === 0)).toBe(true);
});

it("L05 at three times the calls that fit as many are answered as at the peak, and the others hear at once that they are not", async () => {
  const { ask } = await start({ MODELTIER_MAX_CALLS: String(FIT), MODELTIER_MAX_LAG_MS: "10000" });
  const model = `${MINI}!slow-first-token=200`;
  await Promise.all(Array.from({ length: FIT }, () => ask({ model }))); // compiles what follows
  const fromMs = performance.now();
  const inTurn = async () => {
    for (let call = 0; call < ROUNDS; call += 1) expect((await ask({ model })).completed).toBeDefined();
  };
  await Promise.all(Array.from({ length: FIT }, inTurn));
  const peak = (FIT * ROUNDS * 1_000) / (performance.now() - fromMs);

  const refused = new Set<number>();
  let asked = 0;
  const requests = 3 * FIT * ROUNDS;
  const one = async () => {
    const index = asked++;
    const { error } = await ask({ model });
    if (error === undefined) return;
    expect(error).toMatchObject({ code: Code.ResourceExhausted, reason: "OVERLOADED" });
    refused.add(index);
  };
  const tookMs = await openLoop({ perSecond: 3 * peak, requests, ask: one });
  const goodput = ((requests - refused.size) * 3 * peak) / requests;
  const of = (isRefused: boolean) => tookMs.filter((_, index) => refused.has(index) === isRefused);
  const p99 = percentile(of(true), 0.99);
  console.info(
    `L05: ${(goodput / peak).toFixed(2)} of the peak of ${peak.toFixed(0)}/s; a refusal is heard within ${p99.toFixed(1)} ms at p99`,
  );
  expect(goodput / peak).toBeGreaterThan(0.8);
  expect(percentile(of(true), 0.5)).toBeLessThan(percentile(of(false), 0.5) / 2);
});

it("L05 while the event loop is late, calls beyond the few are refused", async () => {
  const { ask, sum } = await start({ MODELTIER_MAX_LAG_MS: "1" });
  const isRefused = await holdsWithin(30_000, async () => {
    await Promise.all(Array.from({ length: 80 }, () => ask()));
    return (await sum("modeltier_admission_refusals_total", { cause: "lag" })) > 0;
  });
  expect(isRefused).toBe(true);
});

it("L03 a body counts from its headers on, so that no more are read than may be in memory", async () => {
  const { ask, sum, httpUrl } = await start({ MODELTIER_MAX_REQUEST_BYTES: String(4 * MIB) });
  const { hostname, port } = new URL(httpUrl);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nHost: ${hostname}\r\ncontent-type: application/json\r\ncontent-length: ${4 * MIB}\r\n\r\n{`,
  );
  const weighs = (bytes: number) => async () => (await sum("modeltier_request_bytes_in_flight")) === bytes;
  expect(await holdsWithin(5_000, weighs(4 * MIB))).toBe(true);
  expect((await ask()).error).toMatchObject({ reason: "OVERLOADED", facts: { cause: "bytes" } });
  socket.destroy();
  expect(await holdsWithin(5_000, weighs(0))).toBe(true);
  expect((await ask()).completed).toBeDefined();
});

it("L08 a provider with as many attempts under way as it may is passed over, and the others answer", async () => {
  const { ask, sum } = await start({ MODELTIER_MAX_ATTEMPTS_PER_PROVIDER: "2" });
  const held = [ask({ model: SLOW }), ask({ model: SLOW })];
  expect(await holdsWithin(5_000, async () => (await sum("modeltier_calls_in_flight")) === 2)).toBe(true);
  const heard = await ask();
  expect(heard.completed).toBeDefined();
  expect(heard.served).not.toMatch(/^openai/);
  expect(heard.asked).toEqual([heard.served]);
  const [passedOver] = heard.decision?.rejectedTargets ?? [];
  expect(passedOver).toMatchObject({ provider: "openai", reason: RejectionReason.PROVIDER_FULL });
  expect(passedOver?.detail).toContain("MODELTIER_MAX_ATTEMPTS_PER_PROVIDER");
  expect(await sum("modeltier_bulkhead_refusals_total", { provider: "openai" })).toBeGreaterThan(0);
  await Promise.all(held);
  expect((await ask()).served).toBe(MINI);
});
