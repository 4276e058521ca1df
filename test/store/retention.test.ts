import { type Kysely, sql } from "kysely";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startRetention } from "../../src/service/retention.ts";
import { insertAuditEntry } from "../../src/store/audit-log.ts";
import { setBudget } from "../../src/store/budgets.ts";
import { type OpenDatabase, openDatabase } from "../../src/store/database.ts";
import { insertFeedback } from "../../src/store/feedback.ts";
import { createRecorder } from "../../src/store/recorder.ts";
import type { ExecutionRecord } from "../../src/store/records.ts";
import { deleteOld } from "../../src/store/retention.ts";
import type { Database } from "../../src/store/tables.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { anAttempt, anExecution } from "../support/executions.ts";
import { silentLog } from "../support/memory-log.ts";
import { aSpool } from "../support/spool.ts";
import { ENGINES, type TestEngine } from "./engines.ts";

const DAY_MS = 86_400_000;
const PATIENTLY = { timeout: 30_000 };

const daysAgo = (days: number): Date => new Date(Date.now() - days * DAY_MS);

/** With two attempts. */
function anOldExecution(id: string, days: number): ExecutionRecord {
  const startedAt = daysAgo(days);
  const attempts = [
    anAttempt(id, { outcome: "overloaded", startedAt }),
    anAttempt(id, { attempt: 2, startedAt }),
  ];
  return anExecution(id, { attempts, createdAt: startedAt });
}

describe.each(ENGINES)("retention on $name", ({ name: engineName, start }) => {
  let engine: TestEngine;
  let database: OpenDatabase;
  let stop: (() => void) | undefined;

  beforeAll(async () => {
    engine = await start();
    database = await openDatabase(await engine.fresh(silentLog));
    await database.migrate();
  }, 60_000);
  afterAll(async () => {
    await database?.close();
    await engine?.stop();
  });
  beforeEach(async () => {
    const tables = [
      "orchestration_executions",
      "ai_analytics",
      "feedback",
      "execution_rollups",
      "attempt_rollups",
    ];
    for (const table of tables) await sql`truncate ${sql.table(table)}`.execute(database.db);
  });
  afterEach(() => stop?.());

  async function record(records: readonly ExecutionRecord[]): Promise<void> {
    const recorder = createRecorder({ db: database.db, spool: await aSpool(), log: silentLog });
    for (const one of records) recorder.record(one);
    await recorder.flush();
    await recorder.close();
  }

  const say = (executionId: string, days: number) =>
    insertFeedback(database.db, [{ executionId, feedbackId: "one", quality: 3, comment: "" }], {
      isExpected: () => true,
    }).then(() =>
      sql`update feedback set created_at = ${daysAgo(days)} where execution_id = ${executionId}`.execute(
        database.db,
      ),
    );

  it("deletes what is older than so many days with its attempts and feedback, and leaves sums, budgets and the audit log", async () => {
    await record([anOldExecution("old", 8), anOldExecution("just-old", 7.01), anOldExecution("young", 6.99)]);
    await say("old", 8);
    await say("just-old", 1); // it goes with its execution
    await say("young", 6);
    await say("never-came", 9);
    await say("still-on-its-way", 0);
    const budget = {
      budgetId: "b",
      scope: { kind: "global" },
      period: "total",
      limits: { tokens: 5n },
    } as const;
    await setBudget(database.db, budget, "ana");
    await insertAuditEntry(database.db, { action: "a", author: "ana", subject: "s", detail: {} });
    await sql`update audit_log set created_at = ${daysAgo(900)}`.execute(database.db);
    const kept = ["execution_rollups", "attempt_rollups", "budgets", "audit_log"];
    const before = await Promise.all(kept.map((table) => rowsOf(database.db, table)));
    expect(before.every((rows) => rows.length > 0)).toBe(true);

    expect(await deleteOld(database.db, 7, 100)).toEqual({
      orchestration_executions: 2,
      ai_analytics: 4,
      feedback: 3,
    });
    expect(await idsIn(database.db, "orchestration_executions")).toEqual(["young"]);
    expect(await idsIn(database.db, "ai_analytics")).toEqual(["young", "young"]);
    expect(await idsIn(database.db, "feedback")).toEqual(["still-on-its-way", "young"]);
    expect(await Promise.all(kept.map((table) => rowsOf(database.db, table)))).toEqual(before);
  });

  it("deletes no more at a time than it is told, the oldest first", async () => {
    await record(Array.from({ length: 5 }, (_, number) => anOldExecution(`old-${number}`, 10 + number)));
    await say("never-came", 99);
    expect(await deleteOld(database.db, 7, 2)).toEqual({
      orchestration_executions: 2,
      ai_analytics: 4,
      feedback: 0,
    });
    expect(await idsIn(database.db, "orchestration_executions")).toEqual(["old-0", "old-1", "old-2"]);
  });

  it("goes on until nothing old is left, and counts what went", async () => {
    await record(Array.from({ length: 7 }, (_, number) => anOldExecution(`old-${number}`, 3)));
    const metrics = createMetrics();
    const parts = { database, metrics, log: silentLog, batch: 2, firstMs: 1, pauseMs: 1 };
    const sweeper = startRetention({ ...parts, settings: { retentionDays: 2 }, intervalMs: 60_000 });
    stop = sweeper.stop;
    await expect.poll(() => idsIn(database.db, "orchestration_executions"), PATIENTLY).toEqual([]);
    const counted = async () =>
      Object.fromEntries(
        (await metrics.retentionDeletedRows.get()).values.map(({ labels, value }) => [labels.table, value]),
      );
    await expect
      .poll(counted, PATIENTLY)
      .toEqual({ orchestration_executions: 7, ai_analytics: 14, feedback: 0 });
  });

  it("keeps everything when it is not set", async () => {
    await record([anOldExecution("old", 4_000)]);
    startRetention({ database, metrics: createMetrics(), log: silentLog, firstMs: 1, settings: {} });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await idsIn(database.db, "orchestration_executions")).toEqual(["old"]);
  });

  it.runIf(engineName === "postgres")("lets one replica delete at a time", async () => {
    await record([anOldExecution("old", 8)]);
    await database.db.transaction().execute(async (tx) => {
      expect(await deleteOld(tx, 30, 1)).toBeDefined(); // nothing that old, but its turn
      expect(await deleteOld(database.analytics, 7, 1)).toBeUndefined();
      expect(await idsIn(database.db, "orchestration_executions")).toEqual(["old"]);
    });
    expect(await deleteOld(database.analytics, 7, 1)).toMatchObject({ orchestration_executions: 1 });
  });

  it.runIf(engineName === "pglite")(
    "has the room of what went used again, where no autovacuum does that",
    async () => {
      const round = async (name: string): Promise<number> => {
        await record(Array.from({ length: 600 }, (_, number) => anOldExecution(`${name}-${number}`, 3)));
        const { rows } = await sql<{ pages: number }>`select
        (pg_relation_size('orchestration_executions') + pg_relation_size('ai_analytics'))::int as pages`.execute(
          database.db,
        );
        const metrics = createMetrics();
        let isVacuumed = false;
        const { stop: end } = startRetention({
          database: {
            analytics: database.analytics,
            vacuum: async (tables) => {
              await database.vacuum?.(tables);
              isVacuumed = true;
            },
          },
          metrics,
          log: silentLog,
          settings: { retentionDays: 2 },
          firstMs: 1,
          vacuumAfter: 600,
        });
        await expect.poll(() => isVacuumed, PATIENTLY).toBe(true);
        end();
        return rows[0]?.pages ?? 0;
      };
      const first = await round("first");
      const sizes = [await round("second"), await round("third")];
      expect(first).toBeGreaterThan(0);
      for (const size of sizes) expect(size).toBeLessThan(1.2 * first);
    },
  );
});

async function idsIn(db: Kysely<Database>, table: string): Promise<readonly string[]> {
  const { rows } = await sql<{ id: string }>`
    select execution_id as id from ${sql.table(table)} order by 1`.execute(db);
  return rows.map(({ id }) => id);
}

async function rowsOf(db: Kysely<Database>, table: string): Promise<readonly unknown[]> {
  const { rows } = await sql`select r::text from ${sql.table(table)} r order by 1`.execute(db);
  return rows;
}
