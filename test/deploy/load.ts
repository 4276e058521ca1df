/** Everything that a dashboard or an alert speaks of, made to happen at a real service before a sandbox that fails. */
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import pg from "pg";
import { BudgetPeriod } from "../../gen/modeltier/v1/access_pb.js";
import { AccessService } from "../../gen/modeltier/v1/access_service_pb.js";
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts";
import { databaseOf } from "../support/database-of.ts";
import { type RunningService, startService } from "../support/service.ts";
import { routeAlike, watchQuality } from "./quality.ts";

const KIMI = "kimi-k2-0905-preview";
/** Refused by a constraint that the test adds, as a row is that the database cannot take. */
const UNRECORDED_AGENT = "unrecorded";
/** Where nothing listens. */
const NOWHERE = "127.0.0.1:1";

export type Scene = Readonly<{
  /** What Prometheus scrapes, one that is away among them. */
  targets: readonly string[];
  /** Some hundred calls of all kinds. */
  play(): Promise<void>;
  stop(): Promise<void>;
}>;

export async function setScene(): Promise<Scene> {
  const sandbox = await startSandbox({ tokensPerSecond: 4_000 });
  const env = environment(sandbox);
  const [service, withoutDatabase] = await Promise.all([
    startService({ env }),
    startService({ env: { ...env, DATABASE_URL: `postgres://postgres@${NOWHERE}/none` } }),
  ]);
  await refuseRowsOf(service, UNRECORDED_AGENT);
  await setBudgets(service);
  await watchQuality(service);
  sandbox.setFaults({
    provider: "anthropic",
    model: "claude-3-5-sonnet-20241022",
    faults: [{ fault: "auth" }],
  });
  let round = 0;
  return {
    targets: [...[service, withoutDatabase].map(({ httpUrl }) => new URL(httpUrl).host), NOWHERE],
    async play() {
      round += 1;
      await routeAlike(service);
      await callAll(service, sandbox, round);
      await many(60, () => ask(withoutDatabase, "fast"));
    },
    async stop() {
      await Promise.all([service.stop(), withoutDatabase.stop("SIGKILL")]);
      await sandbox.close();
    },
  };
}

const environment = ({ baseUrls }: Sandbox): Record<string, string> => ({
  MODELTIER_SANDBOX: "false",
  MODELTIER_RETIRED_MODELS: "try",
  MODELTIER_HEDGING: "true",
  MODELTIER_PROVIDERS: "local,broken",
  LOCAL_BASE_URL: baseUrls.openai,
  LOCAL_API_KEY: "sk-test",
  BROKEN_BASE_URL: `http://${NOWHERE}/v1`,
  BROKEN_API_KEY: "sk-test",
  ...Object.fromEntries(
    (["openai", "anthropic", "kimi"] as const).flatMap((name) => [
      [`${name.toUpperCase()}_BASE_URL`, baseUrls[name]],
      [`${name.toUpperCase()}_API_KEY`, "sk-test"],
    ]),
  ),
});

async function callAll(service: RunningService, sandbox: Sandbox, round: number): Promise<void> {
  const script = [{ fault: "529", times: 1 }, ...Array(3).fill({ fault: "none", times: 1 })];
  const kimi = (faults: readonly { fault: string; times: number }[]) =>
    sandbox.setFaults({ provider: "kimi", model: KIMI, faults });
  kimi(Array(10).fill(script).flat());
  await many(40, () => ask(service, "balanced"));
  kimi([{ fault: "slow-first-token=3000", times: 2 }]);
  await many(2, () => ask(service, "balanced"));
  kimi([]);
  await Promise.all([
    many(20, () => ask(service, "fast")),
    many(4, () => ask(service, "powerful")),
    // Another model each time, so that no breaker knows it.
    many(8, (index) => ask(service, `broken/model-${round}-${index}`)),
    many(15, (index) => ask(service, `local/model-${round}-${index}!content-filter`)), // nobody else is asked then
    ...["malformed", "usage-mismatch"].map((fault) => ask(service, `local/model-${round}!${fault}`)),
    ask(service, "fast", UNRECORDED_AGENT),
    ask(service, "fast", "refused"),
  ]);
}

/** One budget of which nearly all is spent, and one that allows nothing. */
async function setBudgets(service: RunningService): Promise<void> {
  const transport = createGrpcTransport({ baseUrl: `http://${service.grpcAddress}` });
  const access = createClient(AccessService, transport);
  const set = (agentId: string, limitTokens: bigint) => {
    const scope = { kind: { case: "agentId" as const, value: agentId } };
    return access.setBudget({
      budget: { budgetId: agentId, scope, period: BudgetPeriod.TOTAL, limitTokens },
    });
  };
  await set("refused", 0n);
  await set("spender", 100_000n);
  await ask(service, "fast", "spender");
  for (;;) {
    const { budgets } = await access.listBudgets({});
    const spent = budgets.find(({ budget }) => budget?.budgetId === "spender")?.tokens?.spent ?? 0n;
    if (spent > 0n) return void (await set("spender", spent + spent / 20n));
    await sleep(50);
  }
}

async function refuseRowsOf(service: RunningService, agentId: string): Promise<void> {
  const client = new pg.Client(databaseOf(service));
  await client.connect();
  await client.query(
    `alter table orchestration_executions add constraint test_rows check (agent_id <> '${agentId}')`,
  );
  await client.end();
}

/** Long enough for its beginning to be cached. */
const PROMPT = `Answer in one line. ${"The same beginning every time. ".repeat(100)}`;

/** One call whose outcome is nobody's business here; that it ends is. */
async function ask({ httpUrl }: RunningService, model: string, agentId = "anyone"): Promise<void> {
  const response = await fetch(`${httpUrl}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-modeltier-agent-id": agentId },
    body: JSON.stringify({ model, messages: [{ role: "user", content: PROMPT }] }),
  });
  await response.arrayBuffer();
}

/** Ten at a time. */
async function many(count: number, call: (index: number) => Promise<void>): Promise<void> {
  for (let start = 0; start < count; start += 10) {
    const size = Math.min(10, count - start);
    await Promise.all(Array.from({ length: size }, (_, offset) => call(start + offset)));
  }
}
