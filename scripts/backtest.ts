/**
 * How long a backtest of 100,000 executions takes on a real Postgres, and how long it keeps the event loop from anything else:
 * `node scripts/backtest.ts [executions]`
 */
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import pg from "pg";
import { runBacktest } from "../src/backtest/run.ts";
import { documentOf, resolveDocument } from "../src/config/document.ts";
import { CATALOGUE } from "../src/pricing/catalogue.ts";
import { PRESETS } from "../src/routing/presets.ts";
import type { ProviderState } from "../src/routing/types.ts";
import { openDatabase } from "../src/store/database.ts";
import { insertExecutions } from "../src/store/executions.ts";
import { countRecorded, listRecorded } from "../src/store/recorded-executions.ts";
import { silentLog } from "../test/support/memory-log.ts";
import { startPostgres } from "../test/support/postgres.ts";
import { aRecordedExecution } from "../test/support/recorded.ts";

const executions = Number(process.argv[2] ?? 100_000);
const BATCH = 1_000;

const postgres = await startPostgres();
const url = await postgres.createDatabase();
const database = await openDatabase({
  url,
  dataDir: "unused",
  log: silentLog,
});
await database.migrate();
const base = documentOf(PRESETS.classic);
const { config, state } = {
  config: resolveDocument({ ...base, thresholds: { balancedFrom: 3.5, balancedTo: 6 } }, 0, CATALOGUE),
  state: stateOf(),
};
for (let done = 0; done < executions; done += BATCH) {
  const records = Array.from({ length: BATCH }, (_, index) =>
    aRecordedExecution(done + index, PRESETS.classic, state),
  );
  await insertExecutions(database.db, records);
}
// As a database does by itself within a minute.
const owner = new pg.Client({ connectionString: url });
await owner.connect();
await owner.query("analyze orchestration_executions");
await owner.end();

const filter = { from: new Date(0), to: new Date(Date.now() + 86_400_000) };
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
const startedMs = performance.now();
for await (const event of runBacktest({
  source: {
    count: (most) => countRecorded(database.db, filter, most),
    page: (limit, after) => listRecorded(database.db, filter, limit, after),
  },
  candidate: { config, state, billedBy: CATALOGUE },
  maxExecutions: executions,
  signal: new AbortController().signal,
  nowMs: () => performance.now(),
})) {
  if (event.kind !== "report") continue;
  const { report } = event;
  const seconds = (performance.now() - startedMs) / 1_000;
  console.log(
    `${report.executions} executions in ${seconds.toFixed(2)} s, ${report.tierChanges} tiers changed; the event loop was late by ${(delay.percentile(99) / 1e6).toFixed(1)} ms at p99, ${(delay.max / 1e6).toFixed(1)} ms at most; ${Math.round(process.memoryUsage().rss / 2 ** 20)} MB`,
  );
}
await database.close();
await postgres.stop();

function stateOf(): ProviderState {
  const keyPresent = { keyPresent: true, keyVariables: [] };
  return {
    today: new Date().toISOString().slice(0, 10),
    sandbox: true,
    providers: new Map(["openai", "anthropic", "kimi"].map((id) => [id, keyPresent])),
    targets: new Map(),
  };
}
