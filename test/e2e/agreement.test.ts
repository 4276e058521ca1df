/** After ten thousand mixed calls everybody counts the same: SQL, the services, the page, /metrics and the providers' side. */
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import pg from "pg";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { CostGrouping } from "../../gen/modeltier/v1/analytics_pb.js";
import { AnalyticsService } from "../../gen/modeltier/v1/analytics_service_pb.js";
import { Tier } from "../../gen/modeltier/v1/routing_pb.js";
import { type OpenPage, openBrowser, openPage } from "../support/browser.ts";
import { CALLS, makeMixedCalls } from "../support/mixed-calls.ts";
import { readCostFigures, readOverviewFigures, roundsTo } from "../support/page-figures.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { type RunningService, startService } from "../support/service.ts";

const CALLS_AND_COST = `SELECT provider, COUNT(*) as calls, SUM(cost_usd) as total_cost FROM ai_analytics
WHERE created_at > NOW() - INTERVAL '24 hours' GROUP BY provider ORDER BY calls DESC;`;
const TARGETS = `SELECT tier, provider, model, COUNT(*) as count FROM orchestration_executions
WHERE created_at > NOW() - INTERVAL '24 hours' GROUP BY tier, provider, model ORDER BY count DESC;`;

/** By "provider": calls and nano-USD. */
type Account = Readonly<Record<string, Readonly<{ calls: number; nanoUsd: bigint }>>>;

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

/** Where it is about noon, so that neither a day nor a month ends between the calls and the look at the page. */
function zoneAtNoon(now: Date): string {
  const ahead = 12 - now.getUTCHours();
  return ahead === 0 ? "UTC" : `Etc/GMT${ahead > 0 ? "-" : "+"}${Math.abs(ahead)}`;
}

describe("after ten thousand mixed calls", () => {
  let postgres: TestPostgres;
  let service: RunningService;
  let client: pg.Client;
  let failed = 0;

  beforeAll(async () => {
    postgres = await startPostgres();
    service = await startService({
      env: {
        DATABASE_URL: postgres.url,
        MODELTIER_SANDBOX_TOKENS_PER_SECOND: "100000",
        LOG_LEVEL: "error",
        MODELTIER_MAX_LAG_MS: "10000", // others that keep this machine busy are no reason to refuse a call here
      },
    });
    client = new pg.Client({ connectionString: postgres.url });
    await client.connect();
    failed = await makeMixedCalls(service);
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

  describe("the admin page", () => {
    let browser: Browser;
    let opened: OpenPage;
    beforeAll(async () => {
      browser = await openBrowser();
      opened = await openPage(browser, service.httpUrl, { timezoneId: zoneAtNoon(new Date()) });
    }, 60_000);
    afterAll(() => browser?.close());

    it("shows the ledger's calls and cost, by provider, by agent and by day, and rounds its sentences correctly", async () => {
      const ledger = await ledgerAccount(service);
      const sum = Object.values(ledger).reduce((all, { nanoUsd }) => all + nanoUsd, 0n);
      const figures = await readCostFigures(opened);
      expect(accountOf(figures.models)).toEqual(ledger);
      expect(accountOf(figures.days)).toEqual(
        accountOf(Object.entries(ledger).map(([provider, { nanoUsd }]) => ({ provider, calls: 0, nanoUsd }))),
      );
      const { rows } = await client.query(
        "select agent_id, count(*) as executions, sum(cost_nano_usd) as cost from orchestration_executions group by 1",
      );
      const inSql = rows.map((row) => [row.agent_id || "unnamed", Number(row.executions), BigInt(row.cost)]);
      expect(figures.agents.toSorted()).toEqual(inSql.toSorted());
      expect(roundsTo(figures.month, sum), `${figures.month} for ${sum} nano-USD`).toBe(true);
      expect(opened.complaints).toEqual([]);
    });

    it("shows on its overview the executions of the operators' query, and today's calls, cost, errors and fallbacks", async () => {
      const figures = await readOverviewFigures(opened);
      const { rows: targets } = await client.query(TARGETS);
      expect(figures.targets.toSorted()).toEqual(
        targets.map(({ tier, provider, model, count }) => `${tier} ${provider}/${model} ${count}`).toSorted(),
      );
      const { rows } = await client.query(
        "select count(distinct execution_id) as fallbacks from ai_analytics where kind = 'fallback'",
      );
      const ledger = Object.values(await ledgerAccount(service));
      const nanoUsd = ledger.reduce((all, one) => all + one.nanoUsd, 0n);
      expect(figures.today).toEqual({
        calls: CALLS,
        nanoUsd,
        errors: failed,
        fallbacks: Number(rows[0].fallbacks),
      });
      expect(roundsTo(figures.spentToday, nanoUsd), `${figures.spentToday} for ${nanoUsd} nano-USD`).toBe(
        true,
      );
    });
  });
});
