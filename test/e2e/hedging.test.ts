/** A late first token through the real service: a second provider answers, and the first is let go at once. */
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CompleteResponse, Role } from "../../gen/modeltier/v1/completion_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { Tier } from "../../gen/modeltier/v1/routing_pb.js";
import { type RunningService, startService } from "../support/service.ts";

/** Longer than anything here takes. */
const LATE_MS = 20_000;
/** How far behind the newest first tokens the p95 may be. */
const P95_LAG_MS = 1_000;

type LedgerEntry = Readonly<{
  provider: string;
  started_at_ms: number;
  ended_at_ms: number;
  end: string;
}>;

describe("with MODELTIER_HEDGING=true", () => {
  let service: RunningService;
  beforeAll(async () => {
    service = await startService({ env: { MODELTIER_HEDGING: "true" } });
    await Promise.all(Array.from({ length: 40 }, () => call(service)));
    await sleep(P95_LAG_MS);
    await fetch(`${service.sandboxUrl}/ledger`, { method: "DELETE" });
  });
  afterAll(() => service?.stop());

  it("a late first token costs the wait for its p95, not the whole delay", async () => {
    await setFault(service, `slow-first-token=${LATE_MS}`);
    const events = await call(service);
    const told = events.flatMap(({ event }) =>
      event.case === "attemptStarted" || event.case === "attemptFailed" ? [event] : [],
    );
    expect(told).toMatchObject([
      { case: "attemptStarted", value: { attempt: 1, target: { provider: "kimi" } } },
      { case: "attemptStarted", value: { attempt: 2, target: { provider: "openai" } } },
      { case: "attemptFailed", value: { attempt: 1, failure: "hedged_out", willContinue: true } },
    ]);
    const last = events.at(-1)?.event;
    if (last?.case !== "completed") throw new Error("the call did not complete");
    expect(last.value).toMatchObject({ provider: "openai" });
    expect(last.value.attempts.map(({ outcome }) => outcome)).toEqual(["hedged_out", "ok"]);
    expect(last.value.costNanoUsd).toBe(
      last.value.attempts.reduce((sum, { costNanoUsd }) => sum + costNanoUsd, 0n),
    );

    const [kimi, openai] = await ledgerOf(service);
    expect(kimi).toMatchObject({ provider: "kimi", end: "aborted_by_client" });
    expect(openai).toMatchObject({ provider: "openai", end: "completed" });
    expect(kimi?.ended_at_ms).toBeLessThan((kimi?.started_at_ms ?? 0) + LATE_MS);
    const metrics = await (await fetch(`${service.httpUrl}/metrics`)).text();
    expect(metrics).toContain('modeltier_hedges_total{outcome="won"} 1');
    expect(metrics).toMatch(/modeltier_provider_calls_total\{provider="kimi",.*outcome="hedged_out"\} 1/);
  });
});

function call({ grpcAddress }: RunningService): Promise<CompleteResponse[]> {
  const router = createClient(RouterService, createGrpcTransport({ baseUrl: `http://${grpcAddress}` }));
  const route = { agentId: "hedged", constraints: { tier: Tier.BALANCED } };
  return Array.fromAsync(
    router.complete({
      routing: { case: "route", value: route },
      messages: [{ role: Role.USER, parts: [{ content: { case: "text", value: "Say hello" } }] }],
    }),
  );
}

async function setFault({ sandboxUrl }: RunningService, fault: string): Promise<void> {
  const rule = { provider: "kimi", faults: [{ fault }] };
  await fetch(`${sandboxUrl}/control/faults`, { method: "PUT", body: JSON.stringify(rule) });
}

async function ledgerOf({ sandboxUrl }: RunningService): Promise<readonly LedgerEntry[]> {
  const body = (await (await fetch(`${sandboxUrl}/ledger`)).json()) as { entries: readonly LedgerEntry[] };
  return body.entries;
}
