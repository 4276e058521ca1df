import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type OpenDatabase, openDatabase } from "../../src/store/database.ts";
import { insertFeedback, type NewFeedback } from "../../src/store/feedback.ts";
import { createRecorder } from "../../src/store/recorder.ts";
import { anExecution } from "../support/executions.ts";
import { silentLog } from "../support/memory-log.ts";
import { aSpool } from "../support/spool.ts";
import { ENGINES, type TestEngine } from "./engines.ts";

const say = (executionId: string, feedbackId: string, more: Partial<NewFeedback> = {}): NewFeedback => ({
  executionId,
  feedbackId,
  success: true,
  comment: "",
  ...more,
});
const NONE_EXPECTED = { isExpected: () => false };

describe.each(ENGINES)("feedback in batches on $name", ({ start }) => {
  let engine: TestEngine;
  let database: OpenDatabase;

  beforeAll(async () => {
    engine = await start();
    database = await openDatabase(await engine.fresh(silentLog));
    await database.migrate();
    const recorder = createRecorder({ db: database.db, spool: await aSpool(), log: silentLog });
    for (const [id, keyId] of [
      ["mine", "key-1"],
      ["others", "key-2"],
      ["nobodys", ""],
    ] as const) {
      recorder.record(anExecution(id, { keyId }));
    }
    await recorder.flush();
    await recorder.close();
  }, 60_000);
  afterAll(async () => {
    await database?.close();
    await engine?.stop();
  });
  beforeEach(() => sql`truncate feedback`.execute(database.db));

  const stored = async () => {
    const rows = await database.db.selectFrom("feedback").selectAll().orderBy("feedback_id").execute();
    return rows.map(({ created_at: _, ...row }) => row);
  };

  it("takes a caller's word on its own executions alone, and each piece by itself", async () => {
    const given = [
      say("mine", "a"),
      say("others", "b"),
      say("nobodys", "c"),
      say("none", "d"),
      say("mine", "e"),
    ];
    const results = await insertFeedback(database.db, given, { owner: "key-1", ...NONE_EXPECTED });
    expect(results).toEqual(["recorded", "unknown", "unknown", "unknown", "recorded"]);
    expect((await stored()).map((row) => row.feedback_id)).toEqual(["a", "e"]);
  });

  it("takes an operator's word on all, and on executions that may be on their way", async () => {
    const given = [say("mine", "a"), say("others", "b"), say("coming", "c"), say("none", "d")];
    const isExpected = (id: string) => id === "coming";
    expect(await insertFeedback(database.db, given, { isExpected })).toEqual([
      "recorded",
      "recorded",
      "recorded",
      "unknown",
    ]);
    const ofCaller = await insertFeedback(database.db, [say("others", "x"), say("coming", "y")], {
      owner: "key-1",
      isExpected: () => true,
    });
    expect(ofCaller).toEqual(["unknown", "recorded"]);
  });

  it("keeps what was said first, whether it came before or in the same batch", async () => {
    await insertFeedback(database.db, [say("mine", "a", { quality: 4 })], NONE_EXPECTED);
    const given = [
      say("mine", "a", { quality: 4 }),
      say("mine", "a", { quality: 1 }),
      say("mine", "b", { comment: '\\u0000 \u{1f600} "' }),
      say("mine", "b", { comment: '\\u0000 \u{1f600} "' }),
      say("mine", "b"),
      say("others", "b"),
    ];
    expect(await insertFeedback(database.db, given, NONE_EXPECTED)).toEqual([
      "already_recorded",
      "other",
      "recorded",
      "already_recorded",
      "other",
      "recorded",
    ]);
    expect(await stored()).toMatchObject([
      { execution_id: "mine", feedback_id: "a", quality: 4, success: true, comment: "" },
      { feedback_id: "b" },
      { feedback_id: "b" },
    ]);
    const [said] = (await stored()).filter((row) => row.feedback_id === "b" && row.execution_id === "mine");
    expect(said?.comment).toBe('\\u0000 \u{1f600} "');
  });

  it("writes a thousand pieces as one row each", async () => {
    const given = Array.from({ length: 1_000 }, (_, index) => say("mine", `f${index}`));
    const results = await insertFeedback(database.db, given, NONE_EXPECTED);
    expect(new Set(results)).toEqual(new Set(["recorded"]));
    expect(await stored()).toHaveLength(1_000);
    expect(new Set(await insertFeedback(database.db, given, NONE_EXPECTED))).toEqual(
      new Set(["already_recorded"]),
    );
  });
});
