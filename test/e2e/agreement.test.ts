/** After ten thousand mixed calls everybody counts the same: SQL, the services, /metrics and the providers' side. */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { CostGrouping } from "../../gen/modeltier/v1/analytics_pb.js";
import { AnalyticsService } from "../../gen/modeltier/v1/analytics_service_pb.js";
import { type CompleteRequestSchema, Role } from "../../gen/modeltier/v1/completion_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { Tier } from "../../gen/modeltier/v1/routing_pb.js";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { type RunningService, startService } from "../support/service.ts";

const CALLS = 10_000;
const AT_ONCE = 64;

const CALLS_AND_COST = `SELECT provider, COUNT(*) as calls, SUM(cost_usd) as total_cost FROM ai_analytics
WHERE created_at > NOW() - INTERVAL '24 hours' GROUP BY provider ORDER BY calls DESC;`;
const TARGETS = `SELECT tier, provider, model, COUNT(*) as count FROM orchestration_executions
WHERE created_at > NOW() - INTERVAL '24 hours' GROUP BY tier, provider, model ORDER BY count DESC;`;

/** By "provider": calls and nano-USD. */
type Account = Readonly<Record<string, Readonly<{ calls: number; nanoUsd: bigint }>>>;

const TIERS = [Tier.FAST, Tier.BALANCED, Tier.BALANCED, Tier.POWERFUL] as const;

const aRequest = (index: number): MessageInitShape<typeof CompleteRequestSchema> => ({
  routing: {
    case: "route",
    value: {
      agentId: `agent-${index % 7}`,
      sessionId: index % 3 === 0 ? `session-${index % 50}` : "",
      constraints: { tier: TIERS[index % TIERS.length] ?? Tier.FAST },
    },
  },
  messages: [
    { role: Role.SYSTEM, parts: [{ content: { case: "text", value: "Answer in one line." } }] },
    { role: Role.USER, parts: [{ content: { case: "text", value: `Question ${index}` } }] },
  ],
  sampling: { maxOutputTokens: 8 + (index % 5) },
});

const failAtTimes = (sandboxUrl: string, provider: string, model: string, fault: string, times: number) =>
  fetch(`${sandboxUrl}/control/faults`, {
    method: "PUT",
    body: JSON.stringify({ provider, model, faults: [{ fault, times }] }),
  });

/** Whole, streamed and over OpenAI's API in turn, while two models fail some of the time. Some calls fail altogether. */
async function callAway({ grpcAddress, httpUrl, sandboxUrl }: RunningService): Promise<number> {
  const router = createClient(RouterService, createGrpcTransport({ baseUrl: `http://${grpcAddress}` }));
  let failed = 0;
  const call = async (index: number): Promise<void> => {
    if (index % 1_000 === 0) {
      await failAtTimes(sandboxUrl, "kimi", "kimi-k2-0905-preview", "529", 3);
      await failAtTimes(sandboxUrl, "openai", "gpt-4o-mini", "500", 2);
    }
    try {
      if (index % 3 === 0) await router.completeOnce({ request: aRequest(index) });
      else if (index % 3 === 1) await Array.fromAsync(router.complete(aRequest(index)));
      else await chat(httpUrl, index);
    } catch {
      failed += 1;
    }
  };
  const indexes = Array.from({ length: CALLS }, (_, index) => index).values();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const index of indexes) await call(index);
    }),
  );
  return failed;
}

async function chat(httpUrl: string, index: number): Promise<void> {
  const response = await fetch(`${httpUrl}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: "auto",
      max_tokens: 10,
      messages: [{ role: "user", content: `Question ${index}` }],
    }),
  });
  await response.text();
  if (!response.ok) throw new Error(`chat answered ${response.status}`);
}

const nanoOf = (usd: string): bigint => {
  const [whole = "0", fraction = ""] = usd.split(".");
  return BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, "0").slice(0, 9));
};

function accountOf(rows: readonly Readonly<{ provider: string; calls: number; nanoUsd: bigint }>[]): Account {
  const account: Record<string, { calls: number; nanoUsd: bigint }> = {};
  for (const { provider, calls, nanoUsd } of rows) {
    const before = account[provider] ?? { calls: 0, nanoUsd: 0n };
    account[provider] = { calls: before.calls + calls, nanoUsd: before.nanoUsd + nanoUsd };
  }
  return account;
}

async function ledgerAccount({ sandboxUrl }: RunningService): Promise<Account> {
  const summary = await (await fetch(`${sandboxUrl}/ledger/summary`)).json();
  const { models } = summary as { models: { provider: string; calls: number; cost_nano_usd: string }[] };
  return accountOf(models.map(({ cost_nano_usd, ...row }) => ({ ...row, nanoUsd: BigInt(cost_nano_usd) })));
}

async function metricsAccount({ httpUrl }: RunningService): Promise<Account> {
  const text = await (await fetch(`${httpUrl}/metrics`)).text();
  const samples = (name: string) =>
    [...text.matchAll(new RegExp(`^${name}\\{.*?provider="([^"]+)".*?\\} (\\S+)$`, "gm"))].map(
      ([, provider = "", value = ""]) => ({ provider, value }),
    );
  return accountOf([
    ...samples("modeltier_provider_calls_total").map(({ provider, value }) => ({
      provider,
      calls: Number(value),
      nanoUsd: 0n,
    })),
    ...samples("modeltier_provider_cost_usd_total").map(({ provider, value }) => ({
      provider,
      calls: 0,
      nanoUsd: nanoOf(value),
    })),
  ]);
}

describe("after ten thousand mixed calls", () => {
  let postgres: TestPostgres;
  let service: RunningService;
  let client: pg.Client;
  let failed = 0;

  beforeAll(async () => {
    postgres = await startPostgres();
    service = await startService({
      env: { DATABASE_URL: postgres.url, MODELTIER_SANDBOX_TOKENS_PER_SECOND: "100000", LOG_LEVEL: "error" },
    });
    client = new pg.Client({ connectionString: postgres.url });
    await client.connect();
    failed = await callAway(service);
    const written = async () => {
      const { rows } = await client.query("select count(*) from orchestration_executions");
      expect(Number(rows[0].count)).toBe(CALLS);
    };
    await vi.waitFor(written, { timeout: 20_000, interval: 100 });
  }, 150_000);
  afterAll(async () => {
    await client?.end();
    await service?.stop();
    await postgres?.stop();
  });

  it("the operators' query, the ledger, /metrics and the services agree on calls and cost by provider", async () => {
    const analytics = createClient(
      AnalyticsService,
      createGrpcTransport({ baseUrl: `http://${service.grpcAddress}` }),
    );
    const ledger = await ledgerAccount(service);
    const { rows } = await client.query(CALLS_AND_COST);
    const inSql = rows.map((row) => ({
      provider: row.provider,
      calls: Number(row.calls),
      nanoUsd: nanoOf(row.total_cost),
    }));
    expect(accountOf(inSql)).toEqual(ledger);
    expect(await metricsAccount(service)).toEqual(ledger);

    const { distribution } = await analytics.getProviderDistribution({});
    const shares = distribution?.providers ?? [];
    expect(
      accountOf(
        shares.map((share) => ({ ...share, calls: Number(share.calls), nanoUsd: share.costNanoUsd })),
      ),
    ).toEqual(ledger);

    const { models } = await analytics.getProviderPerformance({});
    const performance = models.map(({ target, calls, costNanoUsd }) => ({
      provider: target?.provider ?? "",
      calls: Number(calls),
      nanoUsd: costNanoUsd,
    }));
    expect(accountOf(performance)).toEqual(ledger);

    const trend = await analytics.getCostTrend({ groupBy: CostGrouping.PROVIDER });
    const series = trend.series.map(({ key, total }) => ({
      provider: String(key.value),
      calls: Number(total?.calls),
      nanoUsd: total?.costNanoUsd ?? 0n,
    }));
    expect(accountOf(series)).toEqual(ledger);
    expect(Object.keys(ledger).sort()).toEqual(["anthropic", "kimi", "openai"]);
  });

  it("the operators' query and the services agree on executions by tier, provider and model", async () => {
    const analytics = createClient(
      AnalyticsService,
      createConnectTransport({ baseUrl: service.httpUrl, httpVersion: "1.1" }),
    );
    const { rows } = await client.query(TARGETS);
    const inSql = rows.map(({ tier, provider, model, count }) => `${tier} ${provider} ${model} ${count}`);
    const { distribution } = await analytics.getProviderDistribution({});
    const told = distribution?.targets.map(
      ({ tier, target, executions }) =>
        `${Tier[tier].toLowerCase()} ${target?.provider} ${target?.model} ${executions}`,
    );
    expect(told?.toSorted()).toEqual(inSql.toSorted());
    expect(rows.reduce((sum, { count }) => sum + Number(count), 0)).toBe(CALLS);
  });

  it("the overview, agents and months sum up to the same", async () => {
    const analytics = createClient(
      AnalyticsService,
      createConnectTransport({ baseUrl: service.httpUrl, httpVersion: "1.1" }),
    );
    const ledger = Object.values(await ledgerAccount(service)).reduce(
      (sum, { nanoUsd }) => sum + nanoUsd,
      0n,
    );
    const { rows } = await client.query(
      "select count(*) filter (where status = 'failed') as errors, sum(cost_nano_usd) as cost from orchestration_executions",
    );
    const [{ overview }, agents, trend, histogram] = await Promise.all([
      analytics.getOverview({}),
      analytics.listAgentCosts({}),
      analytics.getCostTrend({ groupBy: CostGrouping.AGENT, maxSeries: 3 }),
      analytics.getScoreHistogram({}),
    ]);
    const week = overview?.week.reduce((sum, { totals }) => sum + (totals?.costNanoUsd ?? 0n), 0n);
    expect(BigInt(rows[0].cost)).toBe(ledger);
    expect(week).toBe(ledger);
    const executions = overview?.week.reduce((sum, { totals }) => sum + Number(totals?.executions), 0);
    expect(executions).toBe(CALLS);
    const errors = overview?.week.reduce((sum, { totals }) => sum + Number(totals?.errors), 0);
    expect(errors).toBe(Number(rows[0].errors));
    expect(errors).toBe(failed);
    const byAgent = agents.agents.reduce((sum, { totals }) => sum + (totals?.costNanoUsd ?? 0n), 0n);
    expect(byAgent + (agents.others?.costNanoUsd ?? 0n)).toBe(ledger);
    expect(trend.series.map(({ key }) => key.case)).toEqual(["agentId", "agentId", "agentId", "other"]);
    expect(trend.series.reduce((sum, { total }) => sum + (total?.costNanoUsd ?? 0n), 0n)).toBe(ledger);
    expect(histogram.executions).toBe(BigInt(CALLS));
  });
});
