/** D22: old executions are deleted, and long reads end, beside calls that feel nothing of either. */
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import type pg from "pg";
import { afterEach, expect, it } from "vitest";
import { AnalyticsService } from "../../gen/modeltier/v1/analytics_service_pb.js";
import { openDatabase } from "../../src/store/database.ts";
import { silentLog } from "../support/memory-log.ts";
import { callerOf, countRows, failures, hasTables, metric, setStage } from "./rig/outage.ts";
import { holdsWithin } from "./rig/rig.ts";
import { isThorough } from "./rig/thorough.ts";

/**
 * No multiple of a batch: the last one shows whether it takes too much. Thoroughly ten million rows, five million executions with an attempt
 * each: 1,000 executions go and then there is a pause of 150 ms in the mean, 12.5 minutes of pauses alone.
 */
const OLD = isThorough ? 5_000_500 : 2_500;
const CALLERS = 4;
/** More than there are connections of either kind. */
const READS = 14;
const PATIENCE_MS = isThorough ? 2_700_000 : 45_000;
/** Between two calls of a caller: for most of an hour they leave room for the tests beside them. */
const REST_MS = isThorough ? 25 : 0;

let stack = new AsyncDisposableStack();
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

it(`D22 ${OLD} executions older than the setting go while calls are recorded, and no other`, {
  timeout: 2 * PATIENCE_MS,
}, async () => {
  const { database, databaseUrl, start } = await setStage(stack);
  const tables = await openDatabase({ url: databaseUrl, dataDir: "unused", log: silentLog });
  await tables.migrate();
  await tables.close();
  const first = await start();
  await callerOf(first).call();
  await holdsWithin(PATIENCE_MS, async () => (await countRows(database)) === 1);
  await first.stop();
  for (const table of ["orchestration_executions", "ai_analytics"]) await multiply(database, table, OLD, 31);
  await multiply(database, "orchestration_executions", 1, 29);
  const service = await start({ MODELTIER_RETENTION_DAYS: "30" });
  const { call } = callerOf(service);
  let isOver = false;
  let made = 0;
  const failed: unknown[] = [];
  const keepCalling = async (): Promise<void> => {
    while (!isOver) {
      made += 1;
      failed.push(...failures([await call()]));
      await sleep(REST_MS);
    }
  };
  const callers = Array.from({ length: CALLERS }, keepCalling);
  const deleted = (table: string) =>
    metric(service, `modeltier_retention_deleted_rows_total{table="${table}"}`);
  expect(
    await holdsWithin(PATIENCE_MS, async () => (await deleted("orchestration_executions")) === OLD),
  ).toBe(true);
  isOver = true;
  await Promise.all(callers);
  expect(failed).toEqual([]);
  expect(await deleted("ai_analytics")).toBe(OLD);
  expect(await holdsWithin(PATIENCE_MS, async () => (await countRows(database)) === 2 + made)).toBe(true);
  const { rows } = await database.query(`select (select count(*)::int from ai_analytics) as attempts,
    (select sum(executions)::int from execution_rollups) as counted,
    (select count(*)::int from orchestration_executions where created_at < now() - interval '28 days') as young_enough`);
  expect(rows).toEqual([{ attempts: 1 + made, counted: 1 + made, young_enough: 1 }]);
});

it("D22 reads that would take 30 s end, and calls are recorded while they hold all connections for reading", async () => {
  const { database, start } = await setStage(stack);
  const service = await start();
  await hasTables(database);
  const { call } = callerOf(service);
  await call();
  await holdsWithin(PATIENCE_MS, async () => (await countRows(database)) === 1);
  await database.query(`insert into feedback (execution_id, feedback_id, quality, comment)
    select execution_id, 'one', 5, '' from orchestration_executions`);
  await database.query("alter table feedback rename to feedback_rows");
  await database.query(
    "create view feedback as select f.* from (select pg_sleep(30)) as slowly left join feedback_rows f on true",
  );
  const analytics = createClient(
    AnalyticsService,
    createGrpcTransport({ baseUrl: `http://${service.grpcAddress}` }),
  );
  const reads = Array.from({ length: READS }, () =>
    analytics.listExecutions({}).then(
      () => "answered",
      (error: unknown) => String(error),
    ),
  );
  const countReading = async (): Promise<number> => {
    const { rows } = await database.query(
      "select count(*)::int as count from pg_stat_activity where wait_event = 'PgSleep'",
    );
    return rows[0].count;
  };
  expect(await holdsWithin(PATIENCE_MS, async () => (await countReading()) >= 3)).toBe(true);
  expect(failures(await Promise.all(Array.from({ length: 20 }, () => call())))).toEqual([]);
  expect(await holdsWithin(PATIENCE_MS, async () => (await countRows(database)) === 21)).toBe(true);
  expect(await countReading(), "the records did not wait for them").toBe(3);
  const answers = await Promise.all(reads);
  expect(answers.filter((answer) => answer.includes("the answer takes too long"))).toHaveLength(3);
  expect(answers).not.toContain("answered");
});

/** Copies of the first row, so many days old. */
async function multiply(database: pg.Client, table: string, copies: number, days: number): Promise<void> {
  const { rows } = await database.query(
    `select string_agg(quote_ident(column_name), ', ') as columns from information_schema.columns
     where table_name = $1 and is_generated = 'NEVER' and column_name not in ('execution_id', 'created_at')`,
    [table],
  );
  const [{ columns }] = rows;
  await database.query(
    `insert into ${table} (execution_id, created_at, ${columns})
     select 'old-' || ${days} || '-' || n, now() - ${days} * interval '1 day', ${columns}
     from generate_series(1, ${copies}) as n, (select * from ${table} order by created_at desc limit 1) as model`,
  );
}
