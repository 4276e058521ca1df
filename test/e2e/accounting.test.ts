/** What operators read in the database against what the providers' side saw. */
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Role } from "../../gen/modeltier/v1/completion_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { Tier } from "../../gen/modeltier/v1/routing_pb.js";
import { databaseOf } from "../support/database-of.ts";
import { startPostgres } from "../support/postgres.ts";
import { type RunningService, startService } from "../support/service.ts";

const CALLS_AND_COST = `SELECT provider, COUNT(*) as calls, SUM(cost_usd) as total_cost FROM ai_analytics
WHERE created_at > NOW() - INTERVAL '24 hours' GROUP BY provider ORDER BY calls DESC;`;
const TARGETS = `SELECT tier, provider, model, COUNT(*) as count FROM orchestration_executions
WHERE created_at > NOW() - INTERVAL '24 hours' GROUP BY tier, provider, model ORDER BY count DESC;`;

type Summary = Readonly<{ models: readonly { provider: string; calls: number; cost_nano_usd: string }[] }>;

const TIERS = [Tier.FAST, Tier.BALANCED, Tier.POWERFUL] as const;

/** A hundred calls over the three tiers, half of them streamed, with a provider that fails some of the time. */
async function callAHundredTimes({ grpcAddress, sandboxUrl }: RunningService): Promise<void> {
  await fetch(`${sandboxUrl}/control/faults`, {
    method: "PUT",
    body: JSON.stringify({
      provider: "kimi",
      model: "kimi-k2-0905-preview",
      faults: [{ fault: "529", times: 3 }],
    }),
  });
  const router = createClient(RouterService, createGrpcTransport({ baseUrl: `http://${grpcAddress}` }));
  const call = async (index: number) => {
    const request = {
      routing: {
        case: "route" as const,
        value: { agentId: `agent-${index % 7}`, constraints: { tier: TIERS[index % 3] } },
      },
      messages: [
        { role: Role.SYSTEM, parts: [{ content: { case: "text" as const, value: "Answer in one line." } }] },
        { role: Role.USER, parts: [{ content: { case: "text" as const, value: `Question ${index}` } }] },
      ],
    };
    if (index % 2 === 0) await router.completeOnce({ request });
    else await Array.fromAsync(router.complete(request));
  };
  for (let start = 0; start < 100; start += 10) {
    await Promise.all(Array.from({ length: 10 }, (_, offset) => call(start + offset)));
  }
}

/** Waits for the recorder, which writes behind the calls. */
async function queryWhenWritten(
  client: pg.Client,
): Promise<Readonly<{ byProvider: pg.QueryResult; targets: pg.QueryResult }>> {
  for (;;) {
    const targets = await client.query(TARGETS);
    const executions = targets.rows.reduce((sum, row) => sum + Number(row.count), 0);
    if (executions >= 100) return { targets, byProvider: await client.query(CALLS_AND_COST) };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const nanoOf = (usd: string): bigint => {
  const [whole = "0", fraction = ""] = usd.split(".");
  return BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, "0").slice(0, 9));
};

async function expectTheLedgersSums(service: RunningService, connection: pg.ClientConfig): Promise<void> {
  await callAHundredTimes(service);
  const client = new pg.Client(connection);
  await client.connect();
  const { byProvider, targets } = await queryWhenWritten(client);
  await client.end();
  const { models } = (await (await fetch(`${service.sandboxUrl}/ledger/summary`)).json()) as Summary;
  const seen = new Map<string, { calls: number; cost: bigint }>();
  for (const { provider, calls, cost_nano_usd } of models) {
    const before = seen.get(provider) ?? { calls: 0, cost: 0n };
    seen.set(provider, { calls: before.calls + calls, cost: before.cost + BigInt(cost_nano_usd) });
  }
  expect(targets.rows.reduce((sum, row) => sum + Number(row.count), 0)).toBe(100);
  expect(byProvider.rows.length).toBe(seen.size);
  for (const row of byProvider.rows) {
    expect({
      provider: row.provider,
      calls: Number(row.calls),
      cost: nanoOf(String(row.total_cost)),
    }).toEqual({
      provider: row.provider,
      ...seen.get(row.provider),
    });
  }
}

describe("the operators' two queries after a hundred calls equal the sandbox's ledger", () => {
  describe("on the embedded database, read over its socket while the service runs", () => {
    let service: RunningService;
    beforeAll(async () => {
      service = await startService();
    });
    afterAll(() => service.stop());

    it("to the nano-USD", async () => {
      await expectTheLedgersSums(service, databaseOf(service));
    });
  });

  describe("on Postgres", () => {
    let postgres: Awaited<ReturnType<typeof startPostgres>>;
    let service: RunningService;
    beforeAll(async () => {
      postgres = await startPostgres();
      service = await startService({ env: { DATABASE_URL: postgres.url } });
    });
    afterAll(async () => {
      await service.stop();
      await postgres.stop();
    });

    it("to the nano-USD", async () => {
      await expectTheLedgersSums(service, { connectionString: postgres.url });
    });
  });
});
