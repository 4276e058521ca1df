import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Kysely, sql } from "kysely";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type OpenDatabase, openDatabase } from "../../src/store/database.ts";
import { findExecution } from "../../src/store/executions.ts";
import { connect, type Limits, SERVING_LIMITS } from "../../src/store/pool.ts";
import { createRecorder, type DatabaseRecorder, type RecorderOptions } from "../../src/store/recorder.ts";
import type { ExecutionRecord } from "../../src/store/records.ts";
import { DEAD_LETTERS } from "../../src/store/spool/dead-letters.ts";
import type { Spool } from "../../src/store/spool/spool.ts";
import type { Database } from "../../src/store/tables.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { type DatabaseProxy, startDatabaseProxy } from "../support/database-proxy.ts";
import { anAttempt, anExecution } from "../support/executions.ts";
import { createMemoryLog, silentLog } from "../support/memory-log.ts";
import { aSpool, makeSpoolFolder } from "../support/spool.ts";
import { ENGINES, type TestEngine } from "./engines.ts";

/** So that a connection that fell silent is given up within a test's patience. */
const IMPATIENT: Limits = { ...SERVING_LIMITS, acquireMs: 500, replyMs: 300 };

const executions = (count: number, from = 0): ExecutionRecord[] =>
  Array.from({ length: count }, (_, index) => anExecution(`exec-${from + index}`));

describe.each(ENGINES)("the recorder on $name", ({ start }) => {
  let engine: TestEngine;
  let database: OpenDatabase;
  let proxy: DatabaseProxy;
  let throughProxy: Kysely<Database>;
  let recorder: DatabaseRecorder;
  let spool: Spool;
  let root: string;
  let log = createMemoryLog();
  let metrics = createMetrics();

  beforeAll(async () => {
    engine = await start();
    const options = await engine.fresh(silentLog);
    database = await openDatabase(options);
    await database.migrate();
    proxy = await startDatabaseProxy(engine.socketFolder(database));
    throughProxy = connect(engine.through(options, proxy.socketFolder), IMPATIENT, silentLog);
  }, 60_000);
  afterAll(async () => {
    await throughProxy?.destroy();
    await proxy?.close();
    await database?.close();
    await engine?.stop();
  });
  beforeEach(async () => {
    await sql`truncate orchestration_executions, ai_analytics`.execute(database.db);
    log = createMemoryLog();
    metrics = createMetrics();
    root = makeSpoolFolder();
    spool = await aSpool({ root, log, metrics });
  });
  afterEach(() => recorder.close({ timeoutMs: 0 }));

  function record(records: readonly ExecutionRecord[], options: Partial<RecorderOptions> = {}) {
    recorder = createRecorder({ db: database.db, spool, log, metrics, random: () => 0, ...options });
    for (const execution of records) recorder.record(execution);
    return recorder;
  }

  async function counts(): Promise<{ executions: number; attempts: number }> {
    const { rows } = await sql<{ executions: bigint; attempts: bigint }>`select
      (select count(*) from orchestration_executions) as executions,
      (select count(*) from ai_analytics) as attempts`.execute(database.db);
    return { executions: Number(rows[0]?.executions), attempts: Number(rows[0]?.attempts) };
  }

  const lost = async (reason: string): Promise<number> => {
    const { values } = await metrics.recordsDropped.get();
    return values.find(({ labels }) => labels.reason === reason)?.value ?? 0;
  };

  it("writes an execution and all its attempts, some time after it was told", async () => {
    const attempts = [anAttempt("exec-1", { outcome: "overloaded" }), anAttempt("exec-1", { attempt: 2 })];
    record([anExecution("exec-1", { attempts })], { flushIntervalMs: 1 });
    expect(recorder.queued).toBe(1);
    await expect.poll(() => recorder.queued).toBe(0);
    expect(await counts()).toEqual({ executions: 1, attempts: 2 });
  });

  it("changes nothing when the same records come again", async () => {
    await record(executions(20)).flush();
    const changed = executions(20).map((execution) => ({ ...execution, costNanoUsd: 1n }));
    await record([...changed, ...changed]).flush();
    expect(await counts()).toEqual({ executions: 20, attempts: 20 });
    const { rows } = await sql`select distinct cost_nano_usd from orchestration_executions`.execute(
      database.db,
    );
    expect(rows).toEqual([{ cost_nano_usd: 184_500n }]);
    expect(log.lines).toEqual([]);
  });

  it("takes NUL and broken characters out of a text and keeps the record", async () => {
    const agentId = "a\u0000b\ud83dc\\u0000d🎈";
    await record([anExecution("exec-1", { agentId, labels: { "k\u0000": "\udc00v" } })]).flush();
    expect(await findExecution(database.db, "exec-1")).toMatchObject({
      agent_id: "ab\ufffdc\\u0000d🎈",
      labels: { k: "\ufffdv" },
    });
  });

  it("finds the one record that the database refuses, and writes the 499 others (D07)", async () => {
    const batch = executions(500);
    const poison = anExecution("poison", { agentId: "confidential", costNanoUsd: -1n });
    batch[317] = poison;
    await record(batch).flush();
    expect(await counts()).toEqual({ executions: 499, attempts: 499 });
    expect(await findExecution(database.db, "poison")).toBeUndefined();
    expect(log.lines).toEqual([
      {
        level: "error",
        message: "The database refuses an execution record; it is in the file of dead letters",
        fields: expect.objectContaining({
          reason: "rejected",
          executionId: "poison",
          sqlState: "23514",
          constraint: "orchestration_executions_cost_nano_usd_check",
        }),
      },
    ]);
    expect(await lost("rejected")).toBe(1);
    expect(JSON.stringify(log.lines)).not.toContain("confidential");
    const letter = JSON.parse(readFileSync(join(root, DEAD_LETTERS), "utf8"));
    expect(letter).toMatchObject({
      sqlState: "23514",
      execution: { execution_id: "poison", agent_id: "confidential", cost_nano_usd: "-1" },
      attempts: [{ execution_id: "poison" }],
      charges: [],
    });
  });

  it("gives up an execution whole when one of its attempts is refused", async () => {
    const attempts = [anAttempt("exec-1"), anAttempt("exec-1", { attempt: 0 })];
    await record([anExecution("exec-1", { attempts }), anExecution("exec-2")]).flush();
    expect(await counts()).toEqual({ executions: 1, attempts: 1 });
    expect(await lost("rejected")).toBe(1);
  });

  it("writes everything once a database that was away is back, and says little meanwhile", async () => {
    await proxy.goDown();
    record(executions(1_200), { db: throughProxy });
    await expect.poll(() => log.lines.length).toBeGreaterThan(1);
    await proxy.comeBack();
    await recorder.flush();
    expect(await counts()).toEqual({ executions: 1_200, attempts: 1_200 });
    expect(log.lines.at(0)).toMatchObject({ level: "warn", fields: { queued: 1_200 } });
    expect(log.lines.at(-1)).toMatchObject({
      level: "info",
      message: "Execution records are written again",
    });
    expect(JSON.stringify(log.lines).length).toBeLessThan(1_024);
  });

  it("writes nothing twice when the connection is cut between a commit and its reply (D03)", async () => {
    proxy.cutAfterNextCommit();
    await record(executions(30), { db: throughProxy }).flush();
    expect(log.lines.map(({ level }) => level)).toEqual(["warn", "info"]);
    expect(await counts()).toEqual({ executions: 30, attempts: 30 });
  });

  it("gives up connections that fell silent and goes on over new ones (D04)", async () => {
    await record(executions(10), { db: throughProxy }).flush();
    expect(proxy.connections()).toBeGreaterThan(0);
    proxy.fallSilent();
    await record(executions(10, 10), { db: throughProxy }).flush();
    expect(await counts()).toEqual({ executions: 20, attempts: 20 });
    const answers = Array.from({ length: 20 }, () => sql`select 1 as one`.execute(throughProxy));
    for (const { rows } of await Promise.all(answers)) expect(rows).toEqual([{ one: 1 }]);
  });

  it("survives a connection that is cut between two statements of a transaction", async () => {
    const interrupted = throughProxy.transaction().execute(async (tx) => {
      await sql`select 1`.execute(tx);
      await proxy.goDown();
      await proxy.comeBack();
      await sql`select 2`.execute(tx);
    });
    await expect(interrupted).rejects.toThrow();
    await record(executions(3), { db: throughProxy }).flush();
    expect(await counts()).toEqual({ executions: 3, attempts: 3 });
  });

  it("writes what is left when it is closed", async () => {
    await record(executions(700), { flushIntervalMs: 60_000 }).close();
    expect(await counts()).toEqual({ executions: 700, attempts: 700 });
  });

  it("leaves on the disk what it could not write before it was closed, for the next one (O05)", async () => {
    await proxy.goDown();
    record(executions(150), { db: throughProxy });
    await recorder.close({ timeoutMs: 1 });
    await proxy.comeBack();
    expect(log.lines.at(-1)).toMatchObject({ level: "warn", fields: { records: 150 } });
    expect(await counts()).toEqual({ executions: 0, attempts: 0 });
    spool = await aSpool({ root, log, metrics });
    await record([]).flush();
    expect(await counts()).toEqual({ executions: 150, attempts: 150 });
  });

  it("does not take what comes after it was closed, and says so", async () => {
    await record([]).close();
    recorder.record(anExecution("late"));
    expect(log.lines).toMatchObject([{ level: "error", fields: { reason: "closed", executionId: "late" } }]);
    expect(await lost("closed")).toBe(1);
  });

  it("shows how many records wait", async () => {
    record(executions(3), { flushIntervalMs: 60_000 });
    const waiting = async () => (await metrics.spoolRecords.get()).values[0]?.value;
    expect(await waiting()).toBe(3);
    await recorder.flush();
    expect(await waiting()).toBe(0);
  });
});
