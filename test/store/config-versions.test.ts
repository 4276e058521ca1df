import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { insertAttempts } from "../../src/store/attempts.ts";
import { listAuditEntries } from "../../src/store/audit-log.ts";
import {
  findNewestNumber,
  findVersion,
  insertVersion,
  listVersions,
  type NewVersion,
} from "../../src/store/config-versions.ts";
import { type OpenDatabase, openDatabase } from "../../src/store/database.ts";
import { insertExecutions } from "../../src/store/executions.ts";
import { insertFeedback } from "../../src/store/feedback.ts";
import { countRecorded, listRecorded, type RecordedExecution } from "../../src/store/recorded-executions.ts";
import { anAttempt, anExecution } from "../support/executions.ts";
import { silentLog } from "../support/memory-log.ts";
import { ENGINES, type TestEngine } from "./engines.ts";

const version = (basedOn: number, changes: Partial<NewVersion> = {}): NewVersion => ({
  document: { failure_limit: basedOn },
  author: "ana",
  comment: "because",
  basedOn,
  ...changes,
});

describe.each(ENGINES)("configurations on $name", ({ start }) => {
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

  it("are none at first", async () => {
    expect(await findNewestNumber(database.db)).toBe(0);
    expect(await listVersions(database.db, 10)).toEqual([]);
    expect(await findVersion(database.db, 1)).toBeUndefined();
  });

  it("are added one after the other, each with its entry in the audit log", async () => {
    const first = await insertVersion(database.db, version(0));
    const second = await insertVersion(database.db, version(1, { rolledBackTo: 0, author: "ben" }));
    expect(first).toMatchObject({ version: 1, author: "ana", basedOn: 0 });
    expect(second).toMatchObject({ version: 2, rolledBackTo: 0 });
    expect(await findVersion(database.db, 1)).toEqual({ ...first, document: { failure_limit: 0 } });
    expect(await listVersions(database.db, 1)).toEqual([second]);
    expect(await listVersions(database.db, 10, 2)).toEqual([first]);
    const entries = await listAuditEntries(database.db, 10);
    expect(entries.map(({ action, author, subject }) => [action, author, subject])).toEqual([
      ["config.rollback", "ben", "config version 2"],
      ["config.publish", "ana", "config version 1"],
    ]);
  });

  it("are refused on a base that is not the newest, and leave nothing in the audit log", async () => {
    const before = (await listAuditEntries(database.db, 100)).length;
    for (const basedOn of [0, 1, 3, 99])
      expect(await insertVersion(database.db, version(basedOn))).toBeUndefined();
    expect(await findNewestNumber(database.db)).toBe(2);
    expect((await listAuditEntries(database.db, 100)).length).toBe(before);
  });

  it("of ten that are published at once on one base one is there", async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, () => insertVersion(database.db, version(2))),
    );
    expect(outcomes.filter((outcome) => outcome !== undefined)).toMatchObject([{ version: 3 }]);
  });

  it("recorded executions are read page by page, newest first, each once", async () => {
    const at = new Date("2026-11-01T12:00:00Z");
    const records = Array.from({ length: 25 }, (_, n) =>
      anExecution(`exec-${String(n).padStart(2, "0")}`, {
        agentId: n % 2 === 0 ? "even" : "odd",
        // Several at the same moment, so that the id has to tell them apart.
        createdAt: new Date(at.getTime() + Math.floor(n / 4)),
        scoringInputs: { type: "send", scores: {}, inputTokens: n },
      }),
    );
    await insertExecutions(database.db, records);
    await sql`update orchestration_executions set scoring_inputs = null where execution_id = 'exec-03'`.execute(
      database.db,
    );
    const filter = { from: at, to: new Date(at.getTime() + 1_000) };
    const read: RecordedExecution[] = [];
    for (let page = await listRecorded(database.db, filter, 4); page.length > 0; ) {
      read.push(...page);
      page = await listRecorded(database.db, filter, 4, page.at(-1));
    }
    expect(read.map(({ executionId }) => executionId)).toEqual(
      records.map(({ executionId }) => executionId).reverse(),
    );
    expect(read.find(({ executionId }) => executionId === "exec-03")?.inputs).toBeUndefined();
    expect(read[0]).toMatchObject({ inputs: { inputTokens: 24 }, isPriced: true, costNanoUsd: 184_500n });
    expect(await countRecorded(database.db, filter, 100)).toBe(25);
    expect(await countRecorded(database.db, filter, 7)).toBe(7);
    expect(await countRecorded(database.db, { ...filter, agentId: "odd" }, 100)).toBe(12);
    expect(await countRecorded(database.db, { ...filter, tier: "fast" }, 100)).toBe(0);
    expect(await countRecorded(database.db, { ...filter, to: at }, 100)).toBe(0);
  });

  it("tell what came of the calls that the chosen target answered, by feedback before what they imply", async () => {
    const at = new Date("2026-10-01T12:00:00Z");
    const scoringInputs = { type: "send", scores: {}, inputTokens: 1 } as const;
    const one = (id: string, after: number, more: Parameters<typeof anExecution>[1] = {}) =>
      anExecution(id, {
        sessionId: id,
        createdAt: new Date(at.getTime() + after),
        scoringInputs,
        ...more,
      });
    const elsewhere = [
      anAttempt("fell-back", { target: { provider: "openai", model: "gpt-4o" }, outcome: "unavailable" }),
      anAttempt("fell-back", { attempt: 2 }),
    ];
    await insertExecutions(database.db, [
      one("silent", 0),
      one("rated", 1),
      one("disputed", 2),
      one("cut", 3, { finishReason: "length" }),
      one("refused", 4, { finishReason: "content_filter" }),
      one("fell-back", 5, { attempts: elsewhere }),
      one("wrong", 6, { sessionId: "loop" }),
      one("again", 7, { sessionId: "loop", scoringInputs: { ...scoringInputs, failures: 1 } }),
    ]);
    await insertAttempts(database.db, elsewhere);
    const feedback = [
      { executionId: "rated", feedbackId: "a", quality: 2 },
      { executionId: "disputed", feedbackId: "a", success: true, quality: 5 },
      { executionId: "disputed", feedbackId: "b", success: false },
    ];
    await insertFeedback(
      database.db,
      feedback.map((piece) => ({ comment: "", ...piece })),
      { isExpected: () => false },
    );
    const read = await listRecorded(database.db, { from: at, to: new Date(at.getTime() + 1_000) }, 100);
    expect(Object.fromEntries(read.map(({ executionId, outcome }) => [executionId, outcome]))).toEqual({
      silent: { success: 1 },
      rated: { success: 0.25, quality: 2 },
      disputed: { success: 0.5, quality: 5 },
      cut: {},
      refused: { success: 0 },
      "fell-back": undefined,
      wrong: { success: 0 },
      again: { success: 1 },
    });
  });
});
