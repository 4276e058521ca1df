/** D19: in a rolling deploy the old release and the new one share the tables, and both serve. */
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { type Kysely, sql } from "kysely";
import { afterAll, beforeAll, expect, it } from "vitest";
import { BudgetPeriod } from "../../gen/modeltier/v1/access_pb.js";
import { AccessService } from "../../gen/modeltier/v1/access_service_pb.js";
import { AnalyticsService } from "../../gen/modeltier/v1/analytics_service_pb.js";
import { AccessRole } from "../../gen/modeltier/v1/api_key_pb.js";
import { Role } from "../../gen/modeltier/v1/completion_pb.js";
import { FeedbackService } from "../../gen/modeltier/v1/feedback_service_pb.js";
import { openDatabase } from "../../src/store/database.ts";
import { MIGRATIONS, migrate } from "../../src/store/migrations/migrate.ts";
import { connect, MIGRATION_LIMITS } from "../../src/store/pool.ts";
import { createRecorder } from "../../src/store/recorder.ts";
import type { Database } from "../../src/store/tables.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { anExecution } from "../support/executions.ts";
import { createMemoryLog, silentLog } from "../support/memory-log.ts";
import { aSpool } from "../support/spool.ts";
import { type ConfigRig, msUntil, publishNext, startConfigRig } from "./rig/config-replicas.ts";
import { countRows } from "./rig/outage.ts";
import { holdsWithin } from "./rig/rig.ts";

let rig: ConfigRig;
beforeAll(async () => {
  rig = await startConfigRig();
});
afterAll(() => rig?.stop());

it("D19 records of a new release wait for its migrations, whichever of them are missing, and are all there once they ran", async () => {
  const missing = MIGRATIONS.map((_, index) => index).slice(1);
  expect(await Promise.all(missing.map(recordAheadOfMigrations))).toEqual(
    missing.map(() => ({ executions: 1, attempts: 1, counted: 1, dropped: 0 })),
  );
});

/** @param done how many migrations the release before had */
async function recordAheadOfMigrations(done: number) {
  const url = await rig.postgres.createDatabase();
  const setUp = connect<Database>({ url }, MIGRATION_LIMITS, silentLog);
  await migrate(setUp, { migrations: MIGRATIONS.slice(0, done) });
  const database = await openDatabase({ url, dataDir: "unused", log: silentLog });
  const log = createMemoryLog();
  const metrics = createMetrics();
  const recorder = createRecorder({ db: database.db, spool: await aSpool(), log, metrics });
  recorder.record(anExecution("of-the-new-release"));
  await expect.poll(() => recorder.queued === 0 || log.lines.length > 0, { timeout: 30_000 }).toBe(true);
  await database.migrate();
  await recorder.flush();
  const seen = await countAll(setUp);
  await recorder.close();
  await Promise.all([database.close(), setUp.destroy()]);
  const dropped = (await metrics.recordsDropped.get()).values.reduce((sum, { value }) => sum + value, 0);
  return { ...seen, dropped };
}

async function countAll(db: Kysely<Database>) {
  const { rows } = await sql<{ executions: number; attempts: number; counted: number }>`select
    (select count(*)::int from orchestration_executions) as executions,
    (select count(*)::int from ai_analytics) as attempts,
    (select sum(executions)::int from execution_rollups) as counted`.execute(db);
  return rows[0];
}

it("D19 an old release serves on tables that a newer one has added to", async () => {
  await makeTablesOfTheFuture();
  const replica = await rig.start({ MODELTIER_KEY_PEPPER: "the-pepper-of-this-test-which-is-long-enough" });
  const transport = createGrpcTransport({ baseUrl: `http://${replica.service.grpcAddress}` });
  const { router, config } = replica;
  const ask = (idempotencyKey = "") =>
    router.completeOnce({
      request: {
        routing: { case: "route", value: { agentId: "agent" } },
        messages: [
          { role: Role.USER, parts: [{ content: { case: "text", value: "Say hello [tokens=10]" } }] },
        ],
        idempotencyKey,
      },
    });
  const [{ completed }, keyed, repeated] = [await ask(), await ask("once"), await ask("once")];
  expect(repeated.completed).toMatchObject({ executionId: keyed.completed?.executionId, replayed: true });
  expect(await holdsWithin(30_000, async () => (await countRows(rig.database)) === 2)).toBe(true);

  const executionId = completed?.executionId ?? "";
  const feedback = createClient(FeedbackService, transport);
  await feedback.recordFeedback({ executionId, feedbackId: "one", quality: 5 });
  const analytics = createClient(AnalyticsService, transport);
  const { overview } = await analytics.getOverview({ timeZone: "UTC" });
  expect(overview?.monthToDate?.totals?.executions).toBe(2n);
  const { executions } = await analytics.listExecutions({});
  expect(executions.map((execution) => execution.executionId)).toContain(executionId);
  expect(await analytics.getExecution({ executionId })).toMatchObject({
    execution: { executionId },
    feedback: [{ quality: 5 }],
  });
  expect(await msUntil(replica, await publishNext(replica))).toBeLessThan(30_000);
  expect((await config.listConfigVersions({})).versions).toHaveLength(1);
  expect((await config.listAuditEntries({})).entries).toHaveLength(1);
  await useAccess(createClient(AccessService, transport));
  const { rows } = await rig.database.query(
    "select count(*)::int as kept from orchestration_executions where of_the_future = 7",
  );
  expect(rows).toEqual([{ kept: 2 }]);
  expect(replica.service.output().stderr).not.toMatch(/cannot be written|could not be/);
});

async function useAccess(access: Client<typeof AccessService>): Promise<void> {
  await access.setBudget({
    budget: {
      budgetId: "all",
      scope: { kind: { case: "agentId", value: "other" } },
      period: BudgetPeriod.DAY,
      limitTokens: 9n,
    },
  });
  expect((await access.listBudgets({})).budgets).toMatchObject([{ budget: { budgetId: "all" } }]);
  const { secret } = await access.createApiKey({ name: "first", role: AccessRole.ADMIN });
  const headers = { authorization: `Bearer ${secret}` };
  const { apiKeys } = await access.listApiKeys({}, { headers });
  expect(apiKeys.map(({ name }) => name)).toEqual(["first"]);
}

/** Whatever a migration may do to a table that others use: see `src/store/migrations/expand-only.test.ts`. */
async function makeTablesOfTheFuture(): Promise<void> {
  const { migrate: toNow, close } = await openDatabase({
    url: rig.databaseUrl,
    dataDir: "unused",
    log: silentLog,
  });
  await toNow();
  await close();
  const { rows } = await rig.database.query(
    "select tablename as name from pg_tables where schemaname = 'public' and tablename <> 'modeltier_migrations'",
  );
  for (const { name } of rows) {
    await rig.database.query(`alter table ${name} add column of_the_future integer not null default 7,
      add column nullable_in_future text check (nullable_in_future <> '')`);
    await rig.database.query(`create index on ${name} (of_the_future)`);
  }
  await rig.database.query("create table of_the_future (id text primary key)");
  await rig.database.query("insert into modeltier_migrations (name) values ('9000-future')");
}
