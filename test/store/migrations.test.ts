import { type Kysely, sql } from "kysely";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { insertAttempts } from "../../src/store/attempts.ts";
import { type DatabaseOptions, type OpenDatabase, openDatabase } from "../../src/store/database.ts";
import { insertExecutions } from "../../src/store/executions.ts";
import { MIGRATIONS, migrate } from "../../src/store/migrations/migrate.ts";
import { migrateUntilDone } from "../../src/store/migrations/migrate-until-done.ts";
import { connect, MIGRATION_LIMITS } from "../../src/store/pool.ts";
import { createRecorder } from "../../src/store/recorder.ts";
import { rollUpWhere } from "../../src/store/rollups.ts";
import type { Database } from "../../src/store/tables.ts";
import { startDatabaseProxy } from "../support/database-proxy.ts";
import { anAttempt, anExecution } from "../support/executions.ts";
import { createMemoryLog, silentLog } from "../support/memory-log.ts";
import { startProcess } from "../support/process.ts";
import { describeSchema } from "../support/schema.ts";
import { aSpool } from "../support/spool.ts";
import { ENGINES, type TestEngine } from "./engines.ts";

const NAMES = MIGRATIONS.map(({ name }) => name);
const HANGING = new URL("./processes/migrate-and-hang.ts", import.meta.url);

const ROLLUPS = ["attempt_rollups", "latency_rollups", "execution_rollups", "agent_rollups", "score_rollups"];

const readRollups = (db: Kysely<Database>) =>
  Promise.all(
    ROLLUPS.map(async (table) => {
      const { rows } = await sql<{
        row: string;
      }>`select r::text as row from ${sql.table(table)} r order by 1`.execute(db);
      return rows.map(({ row }) => row);
    }),
  );

describe.each(ENGINES)("migrations on $name", ({ name: engineName, start }) => {
  let engine: TestEngine;
  let database: OpenDatabase | undefined;

  beforeAll(async () => {
    engine = await start();
  }, 60_000);
  afterAll(() => engine?.stop());
  afterEach(async () => {
    await database?.close();
    database = undefined;
  });

  async function open(options?: DatabaseOptions): Promise<OpenDatabase> {
    database = await openDatabase(options ?? (await engine.bare(silentLog)));
    return database;
  }

  it("run once, in order, and say so", async () => {
    const { migrate: run } = await open();
    expect(await run()).toEqual(NAMES);
    expect(await run()).toEqual([]);
  });

  it("run once when ten replicas start at the same moment", async () => {
    const replicas = await openReplicas(await engine.bare(silentLog), 10);
    const ran = await Promise.all(replicas.map((db) => migrate(db)));
    await Promise.all(replicas.map((db) => db.destroy()));
    expect(ran.filter((names) => names.length > 0)).toEqual([NAMES]);
  });

  it("leave nothing of a replica that was killed in the middle, and nine others go on", async () => {
    const options = await engine.bare(silentLog);
    const victim = await startProcess(HANGING, JSON.stringify(options));
    expect(victim.firstLine).toBe("in the middle");
    // With Postgres the others wait for the victim. The embedded database belongs to one process, so they come after it.
    if (engineName === "pglite") await victim.kill();
    const replicas = await openReplicas(options, 9);
    const running = replicas.map((db) => migrate(db));
    await victim.kill();
    const ran = await Promise.all(running);
    const tables = await describeSchema(replicas[0] as Kysely<Database>);
    await Promise.all(replicas.map((db) => db.destroy()));
    expect(ran.filter((names) => names.length > 0)).toEqual([NAMES]);
    expect(tables).toEqual(await describeCleanTables());
  });

  it("leave nothing behind when one of them fails", async () => {
    const { db } = await open();
    const broken = { name: "9999-broken", statements: ["create table half (a integer)", "select nonsense"] };
    await expect(migrate(db, { migrations: [...MIGRATIONS, broken] })).rejects.toThrow(/nonsense/);
    expect(await describeSchema(db)).toEqual([]);
    expect(await migrate(db)).toEqual(NAMES);
  });

  it("leave alone what a newer release has already changed, and its tables can still be written", async () => {
    const { db, migrate: run } = await open();
    const newer = [
      {
        name: "0900-newer",
        statements: ["alter table ai_analytics add column region text not null default 'eu'"],
      },
      { name: "0901-newer", statements: ["create table newer (a integer)"] },
    ];
    await migrate(db, { migrations: [...MIGRATIONS, ...newer] });
    expect(await run()).toEqual([]);
    const recorder = createRecorder({ db, spool: await aSpool(), log: silentLog });
    recorder.record(anExecution("from-the-older-release"));
    await recorder.close();
    const { rows } = await sql`select execution_id, region from ai_analytics`.execute(db);
    expect(rows).toEqual([{ execution_id: "from-the-older-release", region: "eu" }]);
  });

  it("count once what was recorded before there were rollups, as what is recorded since is counted", async () => {
    const { db, migrate: run } = await open();
    await migrate(db, { migrations: MIGRATIONS.filter(({ name }) => name !== "0010-rollups") });
    const attempts = [
      anAttempt("before-0", { outcome: "rate_limited", ttftMs: undefined }),
      anAttempt("before-0", { attempt: 2 }),
    ];
    const records = [anExecution("before-0", { attempts }), anExecution("before-1", { status: "failed" })];
    await insertExecutions(db, records);
    await insertAttempts(
      db,
      records.flatMap(({ attempts: made }) => made),
    );
    await run();
    const counted = await readRollups(db);
    for (const table of ROLLUPS) await sql`truncate ${sql.table(table)}`.execute(db);
    await rollUpWhere(db, sql`true`);
    expect(await readRollups(db)).toEqual(counted);
    expect(counted.flat().length).toBeGreaterThanOrEqual(ROLLUPS.length);
  });

  it("are made up for once a database that was away at the start is there", async () => {
    const options = await engine.bare(silentLog);
    const opened = await open(options);
    const proxy = await startDatabaseProxy(engine.socketFolder(opened));
    await proxy.goDown();
    const db = connect<Database>(engine.through(options, proxy.socketFolder), MIGRATION_LIMITS, silentLog);
    const log = createMemoryLog();
    const done = migrateUntilDone(() => migrate(db), { log, signal: new AbortController().signal });
    await expect.poll(() => log.lines.length).toBe(1);
    await proxy.comeBack();
    await done;
    await db.destroy();
    await proxy.close();
    expect(log.lines.at(0)).toMatchObject({ level: "warn", fields: { failures: 1 } });
    expect(log.lines.at(-1)).toMatchObject({ level: "info", fields: { migrated: NAMES.join(" ") } });
    expect(await opened.migrate()).toEqual([]);
  });

  /** Each with connections of its own, as if it were a process of its own. */
  async function openReplicas(options: DatabaseOptions, count: number) {
    const socketFolder = engine.socketFolder(await open(options));
    const place = engine.through(options, socketFolder);
    return Array.from({ length: count }, () => connect<Database>(place, MIGRATION_LIMITS, silentLog));
  }

  async function describeCleanTables(): Promise<readonly unknown[]> {
    await database?.close();
    const clean = await open();
    await clean.migrate();
    return describeSchema(clean.db);
  }
});
