/** M: money in the database: sums without a float in them, and nothing settled twice. */
import { sql } from "kysely";
import { Registry } from "prom-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { insertAttempts } from "../../src/store/attempts.ts";
import { type OpenDatabase, openDatabase } from "../../src/store/database.ts";
import { MoneyCounter } from "../../src/telemetry/money-counter.ts";
import { ENGINES, type TestEngine } from "../store/engines.ts";
import { type DatabaseProxy, startDatabaseProxy } from "../support/database-proxy.ts";
import { anAttempt } from "../support/executions.ts";
import { silentLog } from "../support/memory-log.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { holdsWithin, type Rig, startRig } from "./rig/rig.ts";
import { nanoUsdOf } from "./rig/scrape.ts";
import { isThorough } from "./rig/thorough.ts";
import { trial } from "./rig/trial.ts";

/** In the database; the metric is given a million in either form. */
const ROWS = isThorough ? 1_000_000 : 200_000;
const ROWS_A_STATEMENT = 50_000;
const COLUMNS = `execution_id, provider, model, tier, outcome, price_version, fresh_input_tokens, cached_input_tokens,
  cache_write_tokens, output_tokens, usage_source, cost_nano_usd, price_status, latency_ms, created_at`;

describe.each(ENGINES)("M08 the float trap, on $name", ({ start }) => {
  let engine: TestEngine;
  let database: OpenDatabase;
  beforeAll(async () => {
    engine = await start();
    database = await openDatabase(await engine.fresh(silentLog));
    await database.migrate();
  });
  afterAll(async () => {
    await database?.close();
    await engine?.stop();
  });

  it(`${ROWS} rows of one nano-USD, and 0.1 and 0.2 dollars: the sum is exact`, async () => {
    const { db } = database;
    await insertAttempts(db, [
      anAttempt("a-tenth", { costNanoUsd: 100_000_000n }),
      anAttempt("two-tenths", { costNanoUsd: 200_000_000n }),
      anAttempt("small", { costNanoUsd: 1n }),
    ]);
    for (let first = 2; first <= ROWS; first += ROWS_A_STATEMENT) {
      const last = Math.min(first + ROWS_A_STATEMENT - 1, ROWS);
      await sql`insert into ai_analytics (${sql.raw(COLUMNS)}, attempt)
        select ${sql.raw(COLUMNS)}, number from ai_analytics, generate_series(${first}::int, ${last}::int) as number
        where execution_id = 'small' and attempt = 1`.execute(db);
    }
    const { rows } = await sql`select sum(cost_usd) as usd, sum(cost_nano_usd) as nano,
      count(*) as count from ai_analytics`.execute(db);
    const nano = String(300_000_000 + ROWS);
    expect(rows).toEqual([{ usd: `0.${nano}`, nano, count: BigInt(ROWS + 2) }]);
  });
});

it("M08 the float trap, in the metric: a million times one nano-USD, and 0.1 and 0.2 dollars", async () => {
  const registry = new Registry();
  const name = "modeltier_provider_cost_usd_total";
  const counter = new MoneyCounter({ name, help: "cost", labelNames: ["provider"], registers: [registry] });
  for (let count = 0; count < 1_000_000; count += 1) counter.add({ provider: "kimi" }, 1n);
  counter.add({ provider: "kimi" }, 100_000_000n);
  counter.add({ provider: "kimi" }, 200_000_000n);
  expect(nanoUsdOf(await registry.metrics())).toBe(301_000_000n);
});

describe("M12 a record that is written twice", () => {
  let postgres: TestPostgres;
  let proxy: DatabaseProxy;
  let rig: Rig;
  beforeAll(async () => {
    postgres = await startPostgres();
    proxy = await startDatabaseProxy(postgres.socketFolder);
    const url = new URL(await postgres.createDatabase());
    url.searchParams.set("host", proxy.socketFolder);
    rig = await startRig({ databaseUrl: url.href });
  });
  afterAll(async () => {
    await rig?.stop();
    await proxy?.close();
    await postgres?.stop();
  });

  it.each([1, 50])(
    "at concurrency %i: M12 a commit whose reply is lost is sent again and counts once",
    async (concurrency) => {
      const stderrStart = rig.service.output().stderr.length;
      proxy.cutAfterNextCommit();
      const { rows } = await trial(rig, concurrency, () => ({ model: "openai/gpt-4o-mini" }));
      const said = () => rig.service.output().stderr.slice(stderrStart);
      expect(await holdsWithin(2_000, () => said().includes("Execution records are written again"))).toBe(
        true,
      );
      const { rows: sums } = await rig.database.query(
        `select (select count(*)::int from ai_analytics where execution_id = any($1)) as attempts,
         (select sum(cost_nano_usd)::text from orchestration_executions) as executed,
         (select sum(cost_nano_usd)::text from ai_analytics) as attempted,
         (select count(*) from orchestration_executions) = (select sum(executions) from execution_rollups)
           and (select count(*) from ai_analytics) = (select sum(calls) from attempt_rollups)
           and (select sum(cost_nano_usd) from ai_analytics) = (select sum(cost_nano_usd) from attempt_rollups)
           as "rolledUpOnce"`,
        [rows.map(({ executionId }) => executionId)],
      );
      expect(sums[0].attempts).toBe(concurrency);
      expect(sums[0].executed).toBe(sums[0].attempted);
      expect(sums[0].rolledUpOnce).toBe(true);
    },
  );
});
