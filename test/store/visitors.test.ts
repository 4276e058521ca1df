import { connect } from "node:net";
import { join } from "node:path";
import { sql } from "kysely";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type OpenDatabase, openDatabase } from "../../src/store/database.ts";
import { connect as openPool, SERVING_LIMITS } from "../../src/store/pool.ts";
import { createRecorder } from "../../src/store/recorder.ts";
import { type EmbeddedFolder, makeEmbeddedFolder } from "../support/embedded-folder.ts";
import { anExecution } from "../support/executions.ts";
import { silentLog } from "../support/memory-log.ts";
import { aSpool } from "../support/spool.ts";
import { answered, execute, SYNC, startup } from "../support/wire.ts";

describe("the embedded database with visitors on its socket", () => {
  let folder: EmbeddedFolder;
  let database: OpenDatabase;
  const visitors: pg.Client[] = [];

  beforeAll(async () => {
    folder = await makeEmbeddedFolder();
    database = await openDatabase({ dataDir: folder.path, log: silentLog });
    await database.migrate();
  }, 60_000);
  afterAll(async () => {
    await database?.close();
    folder?.remove();
  });
  afterEach(() => Promise.all(visitors.splice(0).map((client) => client.end())));

  /** As psql would: another client on the socket in the data folder. */
  async function visit(): Promise<pg.Client> {
    const visitor = new pg.Client({
      host: folder.path,
      port: 5432,
      user: "operator",
      database: "any",
      ssl: false,
    });
    await visitor.connect();
    visitors.push(visitor);
    return visitor;
  }

  it("answers a visitor while the service writes", async () => {
    const recorder = createRecorder({
      db: database.db,
      spool: await aSpool(),
      log: silentLog,
      flushIntervalMs: 1,
    });
    const visitor = await visit();
    const count = async (): Promise<number> => {
      const { rows } = await visitor.query("select count(*)::int as count from orchestration_executions");
      return rows[0].count;
    };
    const seen: number[] = [];
    for (let index = 0; index < 30; index += 1) {
      recorder.record(anExecution(`exec-${index}`));
      seen.push(await count());
    }
    await recorder.close();
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(await count()).toBe(30);
  });

  it("keeps the transactions of two connections apart", async () => {
    const { db } = database;
    await sql`create table notes (text text)`.execute(db);
    const visitor = await visit();
    await visitor.query("begin");
    await visitor.query("insert into notes values ($1)", ["taken back"]);
    const written = sql`insert into notes values ('kept')`.execute(db);
    await visitor.query("insert into notes values ($1)", ["taken back, too"]);
    await visitor.query("rollback");
    await written;
    expect((await sql`select text from notes`.execute(db)).rows).toEqual([{ text: "kept" }]);
  });

  it("never binds one connection's values to another's statement, however large they are", async () => {
    const patient = { ...SERVING_LIMITS, acquireMs: 60_000, replyMs: 60_000 };
    const db = openPool({ socketFolder: folder.path }, patient, silentLog);
    const visitor = await visit();
    const large = "x".repeat(400_000);
    const service = Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        const { rows } = await sql`select length(${large + index}) as length`.execute(db);
        expect(rows).toEqual([{ length: large.length + String(index).length }]);
      }),
    );
    for (let index = 0; index < 100; index += 1) {
      const { rows } = await visitor.query("select $1::text as echo", [`visitor ${index}`]);
      expect(rows).toEqual([{ echo: `visitor ${index}` }]);
    }
    await service;
    await db.destroy();
  });

  const create = execute("create table abandoned (a integer)");
  const begun = [...execute("begin"), SYNC, ...create];
  const abandoned: readonly (readonly [where: string, messages: readonly Buffer[], lastAnswer: string])[] = [
    ["in a transaction", [...begun, SYNC], "CREATE TABLE"],
    ["in a transaction that failed", [...begun, SYNC, ...execute("selct"), SYNC], "42601"],
    ["before the end of a statement", create, "CREATE TABLE"],
    ["before the end of a failed statement of a transaction", [...begun, ...execute("selct")], "42601"],
  ];

  it.each(abandoned)("takes back what a visitor left unfinished %s", async (_where, messages, lastAnswer) => {
    const visitor = connect(join(folder.path, ".s.PGSQL.5432"));
    visitor.write(Buffer.concat([startup("user\0operator\0\0"), ...messages]));
    await answered(visitor, lastAnswer);
    visitor.destroy();
    const { rows } = await sql`select to_regclass('abandoned') as found`.execute(database.db);
    expect(rows).toEqual([{ found: null }]);
  });

  it("leaves the event loop free while a statement runs", async () => {
    let ticks = 0;
    const timer = setInterval(() => {
      ticks += 1;
    }, 10);
    await sql`select pg_sleep(0.3)`.execute(database.db);
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(5);
  });
});
