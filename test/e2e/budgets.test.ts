/** Budgets as operators set them and as callers feel them, at every door. */
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  QuotaFailureSchema,
  RetryInfoSchema,
} from "../../gen/google/rpc/error_details_pb.js";
import { type BudgetBalance, BudgetPeriod } from "../../gen/modeltier/v1/access_pb.js";
import { AccessService } from "../../gen/modeltier/v1/access_service_pb.js";
import { Role } from "../../gen/modeltier/v1/completion_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { CauseKind, Tier } from "../../gen/modeltier/v1/routing_pb.js";
import { type DatabaseProxy, startDatabaseProxy } from "../support/database-proxy.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { type RunningService, startService } from "../support/service.ts";

const TOKEN = "an admin token of a test";
const ADMIN = { headers: { authorization: `Bearer ${TOKEN}` } };
const USD = 1_000_000_000n;

const transports = (service: RunningService) => ({
  grpc: createGrpcTransport({ baseUrl: `http://${service.grpcAddress}` }),
  connect: createConnectTransport({ baseUrl: service.httpUrl, httpVersion: "1.1", useBinaryFormat: false }),
});

const ask = (agentId: string, rest: Readonly<{ labels?: Record<string, string>; model?: string }> = {}) => ({
  request: {
    routing: {
      case: "route" as const,
      value: { agentId, agentAis: { combinedScore: 9 }, constraints: { model: rest.model ?? "" } },
    },
    messages: [
      { role: Role.USER, parts: [{ content: { case: "text" as const, value: "Say hello [tokens=20]" } }] },
    ],
    labels: rest.labels ?? {},
  },
});

async function errorOf(asking: Promise<unknown>): Promise<ConnectError> {
  try {
    await asking;
  } catch (error) {
    return ConnectError.from(error);
  }
  throw new Error("it succeeded");
}

const agent = (agentId: string) => ({ kind: { case: "agentId" as const, value: agentId } });
const TOTAL = { period: BudgetPeriod.TOTAL };
const amounts = (balance: BudgetBalance | undefined) =>
  balance && [balance.spent, balance.leased, balance.remaining];

describe("budgets", () => {
  let service: RunningService;
  let access: Client<typeof AccessService>;
  let router: Client<typeof RouterService>;
  beforeAll(async () => {
    service = await startService({ env: { MODELTIER_ADMIN_TOKEN: TOKEN } });
    access = createClient(AccessService, transports(service).grpc);
    router = createClient(RouterService, transports(service).grpc);
  });
  afterAll(() => service?.stop());

  const limit = (agentId: string, limitNanoUsd: bigint) =>
    access.setBudget({ budget: { budgetId: agentId, scope: agent(agentId), ...TOTAL, limitNanoUsd } }, ADMIN);
  const balances = async (budgetId: string) => {
    const { budgets } = await access.listBudgets({}, ADMIN);
    return budgets.find(({ budget }) => budget?.budgetId === budgetId);
  };

  it("are for operators only", async () => {
    for (const asks of [
      () => access.setBudget({}),
      () => access.listBudgets({}),
      () => access.deleteBudget({ budgetId: "b" }),
    ]) {
      expect((await errorOf(asks())).code).toBe(Code.Unauthenticated);
    }
  });

  it.each(["grpc", "connect"] as const)("are set, listed and deleted over %s", async (door) => {
    const client = createClient(AccessService, transports(service)[door]);
    const budget = {
      budgetId: `crud-${door}`,
      scope: { kind: { case: "label" as const, value: { key: "team", value: door } } },
      period: BudgetPeriod.MONTH,
      limitNanoUsd: 5n * USD,
      limitTokens: 1_000_000n,
    };
    expect((await client.setBudget({ budget }, ADMIN)).budget).toMatchObject(budget);
    const status = (await client.listBudgets({}, ADMIN)).budgets.find(
      (one) => one.budget?.budgetId === budget.budgetId,
    );
    expect(status?.budget).toMatchObject(budget);
    expect(amounts(status?.nanoUsd)).toEqual([0n, 0n, 5n * USD]);
    expect(amounts(status?.tokens)).toEqual([0n, 0n, 1_000_000n]);
    await client.deleteBudget({ budgetId: budget.budgetId }, ADMIN);
    const again = await errorOf(client.deleteBudget({ budgetId: budget.budgetId }, ADMIN));
    expect(again.code).toBe(Code.NotFound);
  });

  it.each([
    ["grpc", ["budget.budget_id", "budget.scope.label.key", "budget.period", "budget.limit_tokens"]],
    ["connect", ["budget.budgetId", "budget.scope.label.key", "budget.period", "budget.limitTokens"]],
  ] as const)("that are wrong are refused over %s, with every field named", async (door, fields) => {
    const client = createClient(AccessService, transports(service)[door]);
    const wrong = {
      budgetId: "a b",
      scope: { kind: { case: "label" as const, value: {} } },
      limitTokens: -1n,
    };
    const error = await errorOf(client.setBudget({ budget: wrong }, ADMIN));
    const [details] = error.findDetails(BadRequestSchema);
    expect(error.code).toBe(Code.InvalidArgument);
    expect(details?.fieldViolations.map(({ field }) => field)).toEqual(fields);
    expect((await errorOf(client.setBudget({}, ADMIN))).code).toBe(Code.InvalidArgument);
    expect((await errorOf(client.deleteBudget({}, ADMIN))).code).toBe(Code.InvalidArgument);
  });

  it("are charged what calls cost, once these are recorded, in money and in tokens", async () => {
    const budget = {
      budgetId: "charged",
      scope: { kind: { case: "label" as const, value: { key: "team", value: "blue" } } },
      ...TOTAL,
      limitNanoUsd: 5n * USD,
      limitTokens: 1_000_000n,
    };
    await access.setBudget({ budget }, ADMIN);
    const { completed } = await router.completeOnce(ask("anyone", { labels: { team: "blue" } }));
    await router.completeOnce(ask("anyone", { labels: { team: "red" } }));
    const { usage, costNanoUsd } = completed ?? {};
    const tokens = (usage?.inputTokens ?? 0n) + (usage?.outputTokens ?? 0n);
    await expect.poll(async () => (await balances("charged"))?.nanoUsd?.spent).toBe(costNanoUsd);
    expect((await balances("charged"))?.tokens?.spent).toBe(tokens);
    expect(costNanoUsd).toBeGreaterThan(0n);
  });

  it("lower the tier and shorten the answer; Route shows the same", async () => {
    // Enough for some of the fast tier's 2,048 tokens, and for none of the tiers above.
    await limit("small", 2_000_000n);
    const { decision, completed } = await router.completeOnce(ask("small"));
    expect(completed).toBeDefined();
    expect(decision?.tier).toBe(Tier.FAST);
    const [lowered, cut] = decision?.causes.slice(-2) ?? [];
    expect([lowered?.kind, lowered?.after]).toEqual([CauseKind.BUDGET, Tier.FAST]);
    expect(lowered?.before).toBeGreaterThan(Tier.FAST);
    expect([cut?.kind, cut?.after]).toEqual([CauseKind.OUTPUT_CUT, Tier.FAST]);
    expect(decision?.maxOutputTokens).toBeGreaterThanOrEqual(64);
    const shown = await router.route({ agentId: "small", agentAis: { combinedScore: 9 } });
    expect(shown.decision?.tier).toBe(Tier.FAST);
    expect(shown.decision?.causes.map(({ kind }) => kind)).toContain(CauseKind.BUDGET);
    expect((await router.route({ agentId: "other", agentAis: { combinedScore: 9 } })).decision?.tier).toBe(
      Tier.POWERFUL,
    );
  });

  it("shorten what a decision token stands for, and keep its target", async () => {
    const route = { agentId: "token", agentAis: { combinedScore: 9 } };
    const { decisionToken, decision } = await router.route(route);
    await limit("token", 40_000_000n);
    const request = {
      ...ask("token").request,
      routing: { case: "decisionToken" as const, value: decisionToken },
    };
    const run = await router.completeOnce({ request });
    expect([run.decision?.model, run.decision?.decisionId]).toEqual([decision?.model, decision?.decisionId]);
    expect(run.decision?.maxOutputTokens).toBeLessThan(decision?.maxOutputTokens ?? 0);
    await limit("token", 0n);
    const [info] = (await errorOf(router.completeOnce({ request }))).findDetails(ErrorInfoSchema);
    expect(info?.reason).toBe("BUDGET_EXCEEDED");
  });

  it.each(["grpc", "connect"] as const)(
    "refuse over %s, naming the budget and no time to come back",
    async (door) => {
      await limit("empty", 0n);
      const client = createClient(RouterService, transports(service)[door]);
      for (const asks of [
        () => client.completeOnce(ask("empty")),
        () => client.route({ agentId: "empty" }),
      ]) {
        const error = await errorOf(asks());
        const [quota] = error.findDetails(QuotaFailureSchema);
        const [info] = error.findDetails(ErrorInfoSchema);
        expect([error.code, info?.reason]).toEqual([Code.ResourceExhausted, "BUDGET_EXCEEDED"]);
        expect(quota?.violations.map(({ subject }) => subject)).toEqual(["budgets/empty"]);
        expect(error.findDetails(RetryInfoSchema)).toEqual([]);
      }
    },
  );

  it("refuse a stream before it begins", async () => {
    await limit("empty", 0n);
    const events: unknown[] = [];
    const error = await errorOf(
      (async () => {
        for await (const event of router.complete(ask("empty").request)) events.push(event);
      })(),
    );
    expect([error.code, events]).toEqual([Code.ResourceExhausted, []]);
  });

  it("refuse a client of OpenAI's API as it understands it", async () => {
    const budget = { budgetId: "openai", scope: agent("openai-agent"), ...TOTAL, limitTokens: 10n };
    await access.setBudget({ budget }, ADMIN);
    const response = await fetch(`${service.httpUrl}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-modeltier-agent-id": "openai-agent" },
      body: JSON.stringify({ model: "auto", messages: [{ role: "user", content: "Say hello" }] }),
    });
    expect([
      response.status,
      response.headers.get("x-should-retry"),
      response.headers.get("retry-after"),
    ]).toEqual([429, "false", null]);
    const { error } = (await response.json()) as { error: Record<string, unknown> };
    expect(error).toMatchObject({ type: "insufficient_quota", code: "budget_exceeded", param: null });
    expect(error.message).toContain("the budget openai ");
  });
});

describe("budgets on a Postgres that goes away", () => {
  let postgres: TestPostgres;
  let proxy: DatabaseProxy;
  let url: string;
  beforeAll(async () => {
    postgres = await startPostgres();
    proxy = await startDatabaseProxy(postgres.socketFolder);
    const direct = new URL(await postgres.createDatabase());
    direct.searchParams.set("host", proxy.socketFolder);
    url = direct.href;
  }, 60_000);
  afterAll(async () => {
    await proxy?.close();
    await postgres?.stop();
  });

  it.each(["refuse", "allow"] as const)("serve from the slice at hand, and then %s", async (policy) => {
    await using stack = new AsyncDisposableStack();
    const service = await startService({
      env: { DATABASE_URL: url, MODELTIER_BUDGET_WITHOUT_DATABASE: policy },
    });
    stack.defer(async () => void (await service.stop()));
    const access = createClient(AccessService, transports(service).grpc);
    const router = createClient(RouterService, transports(service).grpc);
    const fresh = { budgetId: policy, scope: agent(policy), ...TOTAL, limitNanoUsd: 100n * USD };
    const other = { ...fresh, budgetId: `${policy}-2`, scope: agent(`${policy}-2`) };
    for (const budget of [fresh, other]) await access.setBudget({ budget });
    await router.completeOnce(ask(policy));
    await proxy.goDown();
    let isDown = true;
    const comeBack = async () => {
      if (isDown) await proxy.comeBack();
      isDown = false;
    };
    stack.defer(comeBack);
    expect((await router.completeOnce(ask(policy))).completed).toBeDefined();
    expect((await errorOf(access.listBudgets({}))).code).toBe(Code.Unavailable);
    if (policy === "allow") {
      const { completed } = await router.completeOnce(ask(`${policy}-2`));
      await comeBack();
      const spent = async () => {
        const { budgets } = await access.listBudgets({}).catch(() => ({ budgets: [] }));
        return budgets.find(({ budget }) => budget?.budgetId === `${policy}-2`)?.nanoUsd?.spent;
      };
      await expect.poll(spent, { timeout: 10_000 }).toBe(completed?.costNanoUsd);
      return;
    }
    const error = await errorOf(router.completeOnce(ask(`${policy}-2`)));
    const [info] = error.findDetails(ErrorInfoSchema);
    expect([error.code, info?.reason]).toEqual([Code.Unavailable, "BUDGET_STORE_UNAVAILABLE"]);
    expect(error.findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds).toBe(1n);
  });
});
