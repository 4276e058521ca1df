import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type OpenDatabase, openDatabase } from "../../src/store/database.ts";
import { DataFolderInUseError } from "../../src/store/embedded/data-folder.ts";
import { findExecution } from "../../src/store/executions.ts";
import { createRecorder } from "../../src/store/recorder.ts";
import { copyCluster, type EmbeddedFolder, makeEmbeddedFolder } from "../support/embedded-folder.ts";
import { anExecution } from "../support/executions.ts";
import { createMemoryLog, silentLog } from "../support/memory-log.ts";
import { type StartedProcess, startProcess } from "../support/process.ts";
import { aSpool } from "../support/spool.ts";
import { startup } from "../support/wire.ts";

const HOLDER = new URL("./processes/hold-folder.ts", import.meta.url);
const SOCKET_NAME = ".s.PGSQL.5432";
/** Where a cluster's control file says in what state it is, and the number for "shut down". */
const STATE_OFFSET = 16;
const SHUT_DOWN = 1;

describe("the embedded database", () => {
  let folder: EmbeddedFolder;
  const opened: OpenDatabase[] = [];
  const processes: StartedProcess[] = [];

  beforeEach(async () => {
    folder = await makeEmbeddedFolder();
  }, 60_000);
  afterEach(async () => {
    await Promise.all(processes.splice(0).map((other) => other.kill()));
    await Promise.all(opened.splice(0).map((database) => database.close()));
    folder.remove();
  });

  async function open(dataDir = folder.path, log = createMemoryLog()): Promise<OpenDatabase> {
    const database = await openDatabase({ dataDir, log });
    opened.push(database);
    return database;
  }

  async function hold(): Promise<StartedProcess> {
    const holder = await startProcess(HOLDER, folder.path);
    processes.push(holder);
    return holder;
  }

  it("refuses a second process at once and names the first (D15)", async () => {
    const holder = await hold();
    const refusal = await open().catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(DataFolderInUseError);
    expect(refusal).toMatchObject({
      pid: holder.pid,
      message: expect.stringContaining(`in use by process ${holder.pid}.`),
    });
  });

  it("never takes a folder from a living process, whatever its pid file says (D15)", async () => {
    await hold();
    writeFileSync(join(folder.path, "modeltier.pid"), "999999999\n");
    await expect(open()).rejects.toThrow(DataFolderInUseError);
    rmSync(join(folder.path, "modeltier.pid"));
    await expect(open()).rejects.toThrow(/in use by another process/);
  });

  it("takes the folder over from a killed process, with everything it had committed", async () => {
    const holder = await hold();
    await holder.kill();
    const { db } = await open();
    expect(await findExecution(db, "written-before-the-kill")).toMatchObject({ agent_id: "agent-1" });
  });

  it("refuses to be opened twice by one process, and lets go when it is closed", async () => {
    const first = await open();
    await expect(open()).rejects.toMatchObject({ pid: process.pid });
    await first.close();
    await open();
  });

  it("shows its socket and its files to nobody else", async () => {
    const dataDir = join(folder.path, "new");
    await open(dataDir);
    const mode = (name: string) => (statSync(join(dataDir, name)).mode & 0o777).toString(8);
    expect({ folder: mode(""), cluster: mode("pglite"), socket: mode(SOCKET_NAME) }).toEqual({
      folder: "700",
      cluster: "700",
      socket: "600",
    });
  });

  it("leaves a folder that is there already as open as it was", async () => {
    chmodSync(folder.path, 0o755);
    await open();
    expect(statSync(folder.path).mode & 0o777).toBe(0o755);
  });

  it("has its socket elsewhere, and says where, when the folder's path is too long for one", async () => {
    const dataDir = join(folder.path, "a-rather-long-name-for-a-folder".repeat(4));
    await copyCluster(dataDir);
    const log = createMemoryLog();
    const { db, socketFolder = "", close } = await open(dataDir, log);
    expect(log.lines).toMatchObject([{ level: "info", fields: { socketFolder } }]);
    expect(socketFolder.startsWith(tmpdir())).toBe(true);
    expect(statSync(socketFolder).mode & 0o777).toBe(0o700);
    expect((await sql`select 1 as one`.execute(db)).rows).toEqual([{ one: 1 }]);
    await close();
    expect(existsSync(socketFolder)).toBe(false);
  });

  it("is back by itself after a message that its engine cannot take, and no record is lost", async () => {
    const log = createMemoryLog();
    const { db, migrate } = await open(folder.path, log);
    await migrate();
    const recorder = createRecorder({ db, spool: await aSpool(), log: silentLog });
    recorder.record(anExecution("before"));
    await recorder.flush();
    const visitor = connect(join(folder.path, SOCKET_NAME));
    visitor.on("error", () => undefined).resume();
    visitor.write(startup("no NUL at the end"));
    await once(visitor, "close");
    recorder.record(anExecution("after"));
    await recorder.flush();
    expect(await findExecution(db, "before")).toBeDefined();
    expect(await findExecution(db, "after")).toBeDefined();
    expect(log.lines.map(({ message }) => message)).toContain("The embedded database is back");
  });

  it("writes a checkpoint and brings its files to the disk when asked, once nobody is in the middle of something", async () => {
    const { db, persist } = await open();
    await sql`create table notes (text text)`.execute(db);
    const lastCheckpoint = async (): Promise<unknown> =>
      (
        await sql<{ lsn: string }>`select checkpoint_lsn::text as lsn from pg_control_checkpoint()`.execute(
          db,
        )
      ).rows[0]?.lsn;
    const before = await lastCheckpoint();
    const steps: string[] = [];
    const persisting = db.transaction().execute(async (tx) => {
      await sql`insert into notes values ('one')`.execute(tx);
      const persisted = persist?.().then(() => steps.push("persisted"));
      await sql`select pg_sleep(0.2)`.execute(tx);
      steps.push("committed");
      return { persisted };
    });
    await (await persisting).persisted;
    expect(steps).toEqual(["committed", "persisted"]);
    expect(await lastCheckpoint()).not.toBe(before);
  });

  it("is shut down in good order when it is closed", async () => {
    const { db, close } = await open();
    await sql`create table notes (text text)`.execute(db);
    await close();
    const control = readFileSync(join(folder.path, "pglite", "global", "pg_control"));
    expect(control.readUInt32LE(STATE_OFFSET)).toBe(SHUT_DOWN);
    expect(existsSync(join(folder.path, SOCKET_NAME))).toBe(false);
    expect(existsSync(join(folder.path, "modeltier.pid"))).toBe(false);
  });

  it("starts over when the first start was stopped half-way", async () => {
    const dataDir = join(folder.path, "new");
    mkdirSync(join(dataDir, "pglite.new", "base"), { recursive: true });
    writeFileSync(join(dataDir, "pglite.new", "PG_VERSION"), "18\n");
    const { migrate } = await open(dataDir);
    expect(await migrate()).not.toEqual([]);
  });
});
