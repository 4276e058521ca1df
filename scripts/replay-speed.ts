/**
 * How fast records that waited for the database get there: alone, and beside calls, whose latency it compares with that of the
 * same calls without a backlog. Makes the backlog, the databases and the providers up, and leaves nothing behind.
 *
 *   node scripts/replay-speed.ts [--engine postgres|pglite] [--records 100000] [--rate 50]
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { cpuSeconds, cpuSecondsOfFamily } from "../bench/lib/machine.ts";
import { startSandbox } from "../src/sandbox/sandbox.ts";
import { type DatabaseOptions, openDatabase } from "../src/store/database.ts";
import { createRecorder } from "../src/store/recorder.ts";
import { openSpool } from "../src/store/spool/spool.ts";
import { callerOf, metric } from "../test/faults/rig/outage.ts";
import { providersOf } from "../test/faults/rig/replicas.ts";
import { leaveBacklog } from "../test/support/backlog.ts";
import { copyCluster } from "../test/support/embedded-folder.ts";
import { silentLog } from "../test/support/memory-log.ts";
import { startPostgres } from "../test/support/postgres.ts";
import { type RunningService, startService } from "../test/support/service.ts";

const MIB = 1024 * 1024;
const BASELINE_MS = 20_000;

const { values } = parseArgs({
  options: {
    engine: { type: "string" },
    records: { type: "string", default: "100000" },
    rate: { type: "string", default: "50" },
  },
});
const records = Number(values.records);
const rate = Number(values.rate);

const stack = new AsyncDisposableStack();
const postgres = await startPostgres();
stack.defer(() => postgres.stop());
const sandbox = await startSandbox({ tokensPerSecond: 4_000 });
stack.defer(() => sandbox.close());
try {
  console.log(`${records} records; beside them ${rate} calls/s`);
  for (const engine of ["postgres", "pglite"] as const) {
    if (values.engine === undefined || values.engine === engine) await measure(engine);
  }
} finally {
  await stack.disposeAsync();
}
process.exit(0);

async function measure(engine: "postgres" | "pglite"): Promise<void> {
  const alone = await replayAlone(engine);
  console.log(`${engine}: alone ${alone.toFixed(0)} records/s`);
  const { speed, cpu, before, during } = await replayBesideCalls(engine);
  console.log(
    `${engine}: beside calls ${speed.toFixed(0)} records/s; a call's p50 ${before.p50} → ${during.p50}, p99 ${before.p99} → ${during.p99}`,
  );
  console.log(`${engine}: cores busy meanwhile: ${cpu}`);
}

/** A new folder, and in it or in Postgres an empty database. */
async function place(engine: "postgres" | "pglite"): Promise<DatabaseOptions> {
  const dataDir = mkdtempSync(join(tmpdir(), "mt-"));
  stack.defer(() => rmSync(dataDir, { recursive: true, force: true }));
  if (engine === "postgres") return { url: await postgres.createDatabase(), dataDir, log: silentLog };
  await copyCluster(dataDir);
  return { dataDir, log: silentLog };
}

/** @returns records/s */
async function replayAlone(engine: "postgres" | "pglite"): Promise<number> {
  const options = await place(engine);
  const root = join(options.dataDir, "spool");
  await leaveBacklog(root, records);
  const database = await openDatabase(options);
  await database.migrate();
  const spool = await openSpool({
    root,
    durability: "os",
    capBytes: 512 * MIB,
    log: silentLog,
    persist: database.persist,
  });
  const startedMs = performance.now();
  const recorder = createRecorder({ db: database.db, spool, log: silentLog });
  await recorder.flush();
  const elapsedMs = performance.now() - startedMs;
  await recorder.close();
  await database.close();
  return (1_000 * records) / elapsedMs;
}

type Latency = Readonly<{ p50: string; p99: string }>;

async function replayBesideCalls(
  engine: "postgres" | "pglite",
): Promise<Readonly<{ speed: number; cpu: string; before: Latency; during: Latency }>> {
  const { url, dataDir } = await place(engine);
  const env = { ...providersOf(sandbox), ...(url !== undefined && { DATABASE_URL: url }) };
  const start = () => startService({ dataDir, env });
  const first = await start();
  const isOver = after(BASELINE_MS);
  const before = await callUntil(first, isOver);
  await first.stop();
  await leaveBacklog(join(dataDir, "spool"), records);
  const second = await start();
  const waiting = () => metric(second, "modeltier_spool_records");
  const from = { at: performance.now(), waiting: await waiting() };
  const cpuFrom = cpuOf(second);
  let to = from;
  let isDrained = false;
  const during = callUntil(second, () => isDrained);
  while (to.waiting > 2 * rate) {
    await sleep(200);
    to = { at: performance.now(), waiting: await waiting() };
  }
  const cpuTo = cpuOf(second);
  isDrained = true;
  const elapsedS = (to.at - from.at) / 1_000;
  const latencies = await during;
  await second.stop();
  return {
    speed: (from.waiting - to.waiting) / elapsedS + rate,
    cpu: Object.entries(cpuTo)
      .map(([name, seconds]) => [name, (seconds - (cpuFrom[name] ?? 0)) / elapsedS] as const)
      .map(([name, cores]) => `${name} ${cores.toFixed(2)}`)
      .join(", "),
    before,
    during: latencies,
  };
}

/** Of the service, the server of Postgres, and this script: its callers and its sandbox. CPU seconds. */
function cpuOf({ pid }: RunningService): Record<string, number> {
  const postmaster = Number(
    readFileSync(join(postgres.socketFolder, "data/postmaster.pid"), "utf8").split("\n")[0],
  );
  const { user, system } = process.cpuUsage();
  return {
    service: cpuSeconds(pid),
    postgres: cpuSecondsOfFamily(postmaster),
    "this script": (user + system) / 1_000_000,
  };
}

function after(ms: number): () => boolean {
  const endMs = performance.now() + ms;
  return () => performance.now() > endMs;
}

/** Calls at the rate, whatever becomes of them; of those that were answered, how long they took. */
async function callUntil(service: RunningService, isOver: () => boolean): Promise<Latency> {
  const { call } = callerOf(service);
  const latencies: number[] = [];
  const running: Promise<void>[] = [];
  const startedMs = performance.now();
  while (!isOver()) {
    const due = ((performance.now() - startedMs) / 1_000) * rate;
    while (running.length < due) {
      running.push(
        call().then(({ completed, elapsedMs, error }) => {
          if (completed === undefined) throw new Error(`a call failed: ${error?.whole}`);
          latencies.push(elapsedMs);
        }),
      );
    }
    await sleep(5);
  }
  await Promise.all(running);
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (share: number) => `${(sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(1)} ms`;
  return { p50: at(0.5), p99: at(0.99) };
}
