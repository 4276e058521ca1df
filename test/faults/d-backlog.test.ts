/** D05: what waited for the database is written while calls go on. `scripts/replay-speed.ts` measures how fast. */
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { openDatabase } from "../../src/store/database.ts";
import { leaveBacklog } from "../support/backlog.ts";
import { silentLog } from "../support/memory-log.ts";
import { callerOf, countRows, failures, metric, setStage } from "./rig/outage.ts";
import { holdsWithin } from "./rig/rig.ts";
import { isThorough } from "./rig/thorough.ts";

const BACKLOG = isThorough ? 100_000 : 4_000;
const CALLERS = 8;
const PATIENCE_MS = isThorough ? 300_000 : 45_000;

let stack = new AsyncDisposableStack();
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

it(`D05 ${BACKLOG} records of an outage are written while calls go on: none of them fails, and every row is there once`, {
  timeout: 2 * PATIENCE_MS,
}, async () => {
  const { database, databaseUrl, dataDir, start } = await setStage(stack);
  const tables = await openDatabase({ url: databaseUrl, dataDir, log: silentLog });
  await tables.migrate();
  await tables.close();
  await leaveBacklog(join(dataDir, "spool"), BACKLOG);
  // Nothing is written until calls are on their way, so that all of it is written beside them.
  await database.query("begin");
  await database.query("lock table orchestration_executions in exclusive mode");
  const service = await start();
  const waiting = () => metric(service, "modeltier_spool_records");
  expect(await waiting()).toBe(BACKLOG);
  const { call } = callerOf(service);
  let isDrained = false;
  let made = 0;
  const failed: unknown[] = [];
  const keepCalling = async (): Promise<void> => {
    while (!isDrained) {
      made += 1;
      failed.push(...failures([await call()]));
    }
  };
  const callers = Array.from({ length: CALLERS }, keepCalling);
  await holdsWithin(PATIENCE_MS, () => made > 2 * CALLERS);
  const madeBefore = made;
  await database.query("commit");
  isDrained = await holdsWithin(PATIENCE_MS, async () => (await waiting()) < BACKLOG / 10);
  const madeBeside = made - madeBefore;
  expect(isDrained).toBe(true);
  await Promise.all(callers);
  expect(failed).toEqual([]);
  expect(madeBeside).toBeGreaterThan(CALLERS);
  expect(await holdsWithin(PATIENCE_MS, async () => (await waiting()) === 0)).toBe(true);
  expect(await countRows(database)).toBe(BACKLOG + made);
  const { rows } = await database.query(`select sum(executions)::int as counted,
    (select count(distinct execution_id)::int from ai_analytics) as with_attempts from execution_rollups`);
  expect(rows).toEqual([{ counted: BACKLOG + made, with_attempts: BACKLOG + made }]);
});
