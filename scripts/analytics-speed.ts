/**
 * How long analytics takes to answer over a month of executions. Makes the month up in a database of its own first, which
 * takes a minute and 1.5 GB of disk for each million. With `--rows` only so many of the newest keep their rows; the others are
 * added up by the service's own statement and dropped, so that reports read a whole month and lists the rows that are there.
 * With `--url` it asks a database that has a month, with `--data` the embedded one in a folder, which it fills when it is new.
 *
 *   node scripts/analytics-speed.ts [--engine postgres|pglite] [--executions 1000000] [--rows …] [--url postgresql://… | --data …]
 */
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import type { Kysely } from "kysely";
import { type OpenDatabase, openDatabase } from "../src/store/database.ts";
import { connect, MIGRATION_LIMITS } from "../src/store/pool.ts";
import type { Database } from "../src/store/tables.ts";
import { startPostgres } from "../test/support/postgres.ts";
import { listQuestions } from "./analytics-speed/questions.ts";
import { seedMonth } from "./analytics-speed/seed.ts";

const ROUNDS = 7;
const log = { info() {}, warn: console.warn, error: console.error, debug() {} } as unknown as Parameters<
  typeof openDatabase
>[0]["log"];

const { values } = parseArgs({
  options: {
    engine: { type: "string", default: "postgres" },
    executions: { type: "string", default: "1000000" },
    rows: { type: "string" },
    url: { type: "string" },
    data: { type: "string" },
  },
});

if (values.url !== undefined) await measure(await openDatabase({ url: values.url, dataDir: "", log }));
else if (values.data !== undefined || values.engine === "pglite") await onPglite(values.data);
else await onPostgres();
process.exit(0);

async function onPostgres(): Promise<void> {
  const server = await startPostgres();
  const url = await server.createDatabase();
  const database = await openDatabase({ url, dataDir: "", log });
  await database.migrate();
  await seed(connect<Database>({ url }, MIGRATION_LIMITS, log));
  await measure(database);
  await server.stop();
}

/** @param folder is kept; absent: one that goes again */
async function onPglite(folder?: string): Promise<void> {
  const dataDir = folder ?? mkdtempSync(join(tmpdir(), "mt-"));
  const isNew = !existsSync(dataDir) || readdirSync(dataDir).length === 0;
  const database = await openDatabase({ dataDir, log });
  await database.migrate();
  const { socketFolder = "" } = database;
  if (isNew) await seed(connect<Database>({ socketFolder }, MIGRATION_LIMITS, log));
  await measure(database);
  await database.close();
  if (folder === undefined) rmSync(dataDir, { recursive: true });
}

async function seed(db: Kysely<Database>): Promise<void> {
  const executions = Number(values.executions);
  const onProgress = (share: number) =>
    process.stderr.write(`\rmaking a month up: ${Math.round(share * 100)} %`);
  const { summed, kept } = await seedMonth(db, {
    executions,
    kept: Number(values.rows ?? executions),
    onProgress,
  });
  console.log(`\na month of ${summed} executions in the hourly sums; rows of the newest ${kept}`);
}

/** Processor time is this process's own; the embedded database runs in it, so there it tells what waiting for a busy core hides. */
async function measure({ analytics }: OpenDatabase): Promise<void> {
  console.log(
    `\n${"question".padEnd(40)} ${"median".padStart(9)} ${"slowest".padStart(9)} ${"processor".padStart(9)}`,
  );
  for (const { name, ask } of listQuestions(analytics, new Date())) {
    const rounds: { waited: number; worked: number }[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const since = performance.now();
      const before = process.cpuUsage();
      await ask();
      const { user, system } = process.cpuUsage(before);
      rounds.push({ waited: performance.now() - since, worked: (user + system) / 1_000 });
    }
    const waited = rounds.map((round) => round.waited).toSorted((a, b) => a - b);
    const worked = rounds.map((round) => round.worked).toSorted((a, b) => a - b);
    const shown = [waited[ROUNDS >> 1] ?? 0, waited.at(-1) ?? 0, worked[ROUNDS >> 1] ?? 0];
    console.log(`${name.padEnd(40)} ${shown.map((ms) => `${ms.toFixed(1)} ms`.padStart(9)).join(" ")}`);
  }
}
