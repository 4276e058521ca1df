import { type Kysely, sql } from "kysely";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { openDatabase } from "../../src/store/database.ts";
import { migrate } from "../../src/store/migrations/migrate.ts";
import {
  ANALYTICS_LIMITS,
  connect,
  type Limits,
  MIGRATION_LIMITS,
  SERVING_LIMITS,
} from "../../src/store/pool.ts";
import { createRecorder } from "../../src/store/recorder.ts";
import type { Database } from "../../src/store/tables.ts";
import { anExecution } from "../support/executions.ts";
import { createMemoryLog, silentLog } from "../support/memory-log.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { aSpool } from "../support/spool.ts";

const TIGHT: Limits = {
  connections: 2,
  acquireMs: 200,
  replyMs: 5_000,
  server: { statementMs: 200, lockMs: 50, idleTransactionMs: 100 },
};

describe("a Postgres of one's own", () => {
  let server: TestPostgres;
  let url: string;
  const opened: Kysely<Database>[] = [];

  beforeAll(async () => {
    server = await startPostgres();
    url = await server.createDatabase();
  }, 60_000);
  afterAll(() => server?.stop());
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((db) => db.destroy()));
  });

  function open(limits: Limits, place = url): Kysely<Database> {
    const db = connect<Database>({ url: place }, limits, silentLog);
    opened.push(db);
    return db;
  }

  it("ends a statement that takes too long, and the connection stays good", async () => {
    const db = open({ ...TIGHT, connections: 1 });
    await expect(sql`select pg_sleep(60)`.execute(db)).rejects.toMatchObject({ code: "57014" });
    expect((await sql`select 1 as one`.execute(db)).rows).toEqual([{ one: 1 }]);
  });

  it("does not wait long for a lock, nor let an idle transaction hold one", async () => {
    const db = open(TIGHT);
    const other = open({ ...TIGHT, connections: 1, server: undefined });
    await sql`create table locked (a integer)`.execute(db);
    await other.transaction().execute(async (tx) => {
      await sql`lock table locked`.execute(tx);
      await expect(sql`select * from locked`.execute(db)).rejects.toMatchObject({ code: "55P03" });
    });
    await sql`set lock_timeout = '10s'`.execute(other);
    const forgotten = db.transaction().execute(async (tx) => {
      await sql`lock table locked`.execute(tx);
      expect((await sql`select * from locked`.execute(other)).rows).toEqual([]);
    });
    await expect(forgotten).rejects.toThrow();
  });

  it("says so when no connection gets free in time", async () => {
    const db = open({ ...TIGHT, connections: 1 });
    await db.connection().execute(async () => {
      await expect(sql`select 1`.execute(db)).rejects.toThrow(/timeout exceeded when trying to connect/);
    });
  });

  it("tells a replica that another one has been migrating for too long", async () => {
    const db = open(TIGHT);
    await sql`create table gate (a integer)`.execute(db);
    const gate = await open({ ...TIGHT, server: undefined })
      .startTransaction()
      .execute();
    await sql`lock table gate`.execute(gate);
    const held = { name: "held-up", statements: ["lock table gate"] };
    const running = migrate(open(MIGRATION_LIMITS), { migrations: [held] });
    const holders = sql`select from pg_locks where locktype = 'advisory' and granted`;
    await expect.poll(async () => (await holders.execute(db)).rows.length).toBe(1);
    await expect(migrate(open(MIGRATION_LIMITS), { waitMs: 50 })).rejects.toThrow(
      "Another replica has been migrating the database for more than 50 ms",
    );
    await gate.commit().execute();
    expect(await running).toEqual(["held-up"]);
  });

  it("need not be there when the service opens it, and its password is never logged", async () => {
    const away = "postgresql://modeltier:s3cret@127.0.0.1:1/modeltier";
    const log = createMemoryLog();
    const { db, engine, close } = await openDatabase({ url: away, dataDir: "unused", log });
    expect(engine).toBe("postgres");
    const recorder = createRecorder({ db, spool: await aSpool(), log });
    recorder.record(anExecution("exec-1"));
    await expect.poll(() => log.lines.length).toBeGreaterThan(0);
    await recorder.close({ timeoutMs: 0 });
    await close();
    expect(log.lines[0]).toMatchObject({ level: "warn", fields: { code: "ECONNREFUSED" } });
    expect(JSON.stringify(log.lines)).not.toContain("s3cret");
  });

  it("keeps the limits that operators rely on", () => {
    expect(SERVING_LIMITS).toMatchObject({ acquireMs: 1_000, server: { statementMs: 2_000, lockMs: 500 } });
  });

  it("has them in force where calls and records are, and longer ones where long reads are", async () => {
    const database = await openDatabase({ url, dataDir: "unused", log: silentLog });
    const inForce = async (db: Kysely<Database>) =>
      (
        await sql<{ name: string; setting: string }>`select name, setting from pg_settings
          where name in ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout') order by 1`.execute(
          db,
        )
      ).rows.map(({ setting }) => Number(setting));
    expect(await inForce(database.db)).toEqual([10_000, 500, 2_000]);
    expect(await inForce(database.analytics)).toEqual([10_000, 500, 5_000]);
    await database.close();
  });

  it("serves calls while long reads have all of their own connections, and ends those reads", async () => {
    const database = await openDatabase({ url, dataDir: "unused", log: silentLog });
    const reads = Array.from({ length: ANALYTICS_LIMITS.connections }, () =>
      sql`select pg_sleep(60)`.execute(database.analytics),
    );
    const ended = Promise.allSettled(reads);
    expect((await sql`select 1 as one`.execute(database.db)).rows).toEqual([{ one: 1 }]);
    for (const read of await ended) {
      expect(read).toMatchObject({ status: "rejected", reason: { code: "57014" } });
    }
    await database.close();
  }, 20_000);
});
