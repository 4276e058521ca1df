import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { evidenceOf } from "../../src/agent-score/evidence.ts";
import { DEFAULT_LEARNING } from "../../src/agent-score/types.ts";
import { CLASSIC } from "../../src/routing/test-support.ts";
import { startAgentScores } from "../../src/service/agent-scores.ts";
import { LEARNING_LOCK, learnOutcomes, readStates } from "../../src/store/agent-scores.ts";
import { type OpenDatabase, openDatabase } from "../../src/store/database.ts";
import { insertFeedback, type NewFeedback } from "../../src/store/feedback.ts";
import { createRecorder } from "../../src/store/recorder.ts";
import type { ExecutionRecord } from "../../src/store/records.ts";
import { deleteOld } from "../../src/store/retention.ts";
import { aDecision, anAttempt, anExecution } from "../support/executions.ts";
import { silentLog } from "../support/memory-log.ts";
import { aSpool } from "../support/spool.ts";
import { ENGINES, type TestEngine } from "./engines.ts";

const TABLES = [
  "orchestration_executions",
  "ai_analytics",
  "feedback",
  "agent_outcomes",
  "agent_scores",
  "fleet_scores",
];

describe.each(ENGINES)("agents' scores on $name", ({ name, start }) => {
  let engine: TestEngine;
  let database: OpenDatabase;
  /** Another replica. */
  let other: OpenDatabase;

  beforeAll(async () => {
    engine = await start();
    const options = await engine.fresh(silentLog);
    database = await openDatabase(options);
    await database.migrate();
    other = options.url === undefined ? database : await openDatabase(options);
  }, 60_000);
  afterAll(async () => {
    await Promise.all([database?.close(), other?.close()]);
    await engine?.stop();
  });
  beforeEach(async () => {
    for (const table of TABLES) await sql`truncate ${sql.table(table)}`.execute(database.db);
  });

  async function record(records: readonly ExecutionRecord[], waitMs: number | null = 0): Promise<void> {
    const recorder = createRecorder({
      db: database.db,
      spool: await aSpool(),
      log: silentLog,
      outcomeWaitMs: () => waitMs ?? undefined,
    });
    for (const one of records) recorder.record(one);
    await recorder.flush();
    await recorder.close();
  }
  const say = (executionId: string, feedbackId: string, more: Partial<NewFeedback>) =>
    insertFeedback(database.db, [{ executionId, feedbackId, comment: "", ...more }], {
      isExpected: () => true,
      outcomeWaitMs: 0,
    });
  const learn = (db = database.db, most = 100) => learnOutcomes(db, DEFAULT_LEARNING, most);
  /** How many outcomes of a tier count, and what they sum to. */
  async function taught(agentId = "agent-1", tier: "fast" | "balanced" | "powerful" = "balanced") {
    const { agents } = await readStates(database.db, [agentId]);
    const { n = 0, y = 0 } = agents.get(agentId)?.tiers[tier] ?? {};
    return [Math.round(n * 100) / 100, Math.round(y * 100) / 100];
  }

  it("learns nothing of executions that are recorded while nothing is to be learned", async () => {
    await record([anExecution("one")], null);
    await insertFeedback(database.db, [{ executionId: "one", feedbackId: "a", quality: 1, comment: "" }], {
      isExpected: () => true,
    });
    expect(await learn()).toBe(0);
    expect(await taught()).toEqual([0, 0]);
  });

  it("learns an answer as a success, a refusal as none, and nothing of calls that failed or were cut", async () => {
    await record([
      anExecution("one"),
      anExecution("two", { finishReason: "content_filter" }),
      anExecution("three", { status: "failed" }),
      anExecution("four", { status: "cancelled" }),
      anExecution("five", { finishReason: "length" }),
    ]);
    expect(await learn()).toBe(5);
    expect(await taught()).toEqual([2, 1]);
  });

  it("waits for feedback, which then counts in place of the answer; a comment alone says nothing", async () => {
    await record([anExecution("one"), anExecution("two"), anExecution("three")], 3_600_000);
    await say("one", "a", { quality: 1 });
    await say("one", "b", { quality: 5 });
    await say("two", "a", { success: false });
    await say("three", "a", { comment: "well" });
    await sql`update agent_outcomes set due_at = now() - interval '1 second'`.execute(database.db);
    await learn();
    expect(await taught()).toEqual([3, 1.5]);
  });

  it("does not learn what is not due", async () => {
    await record([anExecution("one")], 3_600_000);
    expect(await learn()).toBe(0);
  });

  it("learns late feedback once, and the execution no second time", async () => {
    await record([anExecution("one")]);
    await learn();
    expect(await taught()).toEqual([1, 1]);
    await say("one", "late", { quality: 3 });
    await say("one", "late", { quality: 3 });
    await learn();
    await learn();
    expect(await taught()).toEqual([2, 1.5]);
    await say("one", "taken back", { quality: 1 });
    await sql`delete from feedback where feedback_id = 'taken back'`.execute(database.db);
    expect(await learn()).toBe(1);
    expect(await taught()).toEqual([2, 1.5]);
  });

  it("learns feedback that came before its execution with it", async () => {
    await say("one", "early", { success: false });
    expect(await learn()).toBe(0);
    await record([anExecution("one")]);
    await learn();
    expect(await taught()).toEqual([1, 0]);
  });

  it("takes an answer for no good when the session's next such step says that it failed", async () => {
    const inputs = { type: "generate" as const, scores: {}, inputTokens: 1 };
    const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 0, minute));
    await record([
      anExecution("one", { createdAt: at(1), scoringInputs: inputs }),
      anExecution("other kind", {
        createdAt: at(2),
        scoringInputs: { ...inputs, type: "send", failures: 1 },
      }),
      anExecution("two", { createdAt: at(3), scoringInputs: { ...inputs, failures: 1 } }),
      anExecution("three", { createdAt: at(4), scoringInputs: inputs }),
    ]);
    await learn();
    expect(await taught()).toEqual([4, 3]);
  });

  it("counts the tier that answered, which a fallback may have changed", async () => {
    const attempts = [
      anAttempt("one", { outcome: "overloaded" }),
      anAttempt("one", { attempt: 2, tier: "powerful" }),
    ];
    await record([anExecution("one", { attempts, decision: aDecision })]);
    await learn();
    expect(await taught("agent-1", "powerful")).toEqual([1, 1]);
    expect(await taught()).toEqual([0, 0]);
  });

  it("learns an outcome less what the scorer that decided foretold of the step", async () => {
    const signs = [0.02, 0, 0, 0, 0, 0, 0, -0.01];
    const scoringInputs = {
      type: "generate" as const,
      scores: {},
      inputTokens: 1,
      calibrated: [0.1, "weights", 0.95, 0.25, signs] as const,
    };
    const by = (scorer: string) => ({ ...aDecision, scorer: { name: scorer, version: "1" } });
    const alike = { sessionId: "", scoringInputs };
    await record([
      anExecution("one", { ...alike, agentId: "foretold", decision: by("calibrated") }),
      anExecution("two", { ...alike, agentId: "in the shadow", decision: by("classic") }),
    ]);
    await learn();
    expect(await taught("foretold")).toEqual([1, 1.53]);
    expect(await taught("in the shadow")).toEqual([1, 1]);
    const { agents, fleet } = await readStates(database.db, ["foretold"]);
    expect(agents.get("foretold")?.tiers.balanced.signs?.x).toEqual([5, 0.2, 0, 0, 0, 0, 0, 0, -0.1]);
    expect(fleet.tiers.balanced.signs?.xx).toHaveLength(45);
  });

  it("learns each outcome once, whichever replica does, however many try at once", async () => {
    const ids = Array.from({ length: 120 }, (_, index) => `e${index}`);
    await record(ids.map((id, index) => anExecution(id, { agentId: `agent-${index % 3}` })));
    const rounds = Array.from({ length: 12 }, (_, index) => learn((index % 2 ? other : database).db, 20));
    const learned = await Promise.all(rounds);
    for (let done = await learn(); done !== 0; done = await learn()) learned.push(done);
    expect(learned.reduce<number>((sum, count) => sum + (count ?? 0), 0)).toBe(120);
    const { agents, fleet } = await readStates(database.db, ["agent-0", "agent-1", "agent-2"]);
    expect([...agents.values()].map((state) => Math.round(evidenceOf(state)))).toEqual([40, 40, 40]);
    expect(Math.round(evidenceOf(fleet))).toBe(120);
  });

  // The embedded database has one session, which nobody else can be in.
  it.skipIf(name === "pglite")("leaves outcomes to the replica that is at them", async () => {
    await record([anExecution("one")]);
    await other.db.transaction().execute(async (tx) => {
      await sql`select pg_advisory_xact_lock(${LEARNING_LOCK})`.execute(tx);
      expect(await learn()).toBeUndefined();
    });
    expect(await learn()).toBe(1);
  });

  it("keeps an outcome whose learning failed half way", async () => {
    await record([anExecution("one")]);
    await sql`alter table fleet_scores rename to away`.execute(database.db);
    await expect(learn()).rejects.toThrow("fleet_scores");
    await sql`alter table away rename to fleet_scores`.execute(database.db);
    expect(await learn()).toBe(1);
    expect(await taught()).toEqual([1, 1]);
  });

  it("forgets an agent of which nothing was learned for as long as executions are kept", async () => {
    await record([anExecution("one")]);
    await learn();
    await deleteOld(database.db, 7, 100);
    expect(await taught()).toEqual([1, 1]);
    await sql`update agent_scores set updated_at = now() - interval '8 days'`.execute(database.db);
    await deleteOld(database.db, 7, 100);
    expect(await taught()).toEqual([0, 0]);
  });

  it("is learned behind the calls, and known to them from memory, also after a restart", async () => {
    const agentScore = {
      learn: true,
      serve: true,
      byIntent: false,
      halfLifeMs: 86_400_000,
      feedbackWaitMs: 0,
    };
    const running = () =>
      startAgentScores({
        database,
        config: () => ({ ...CLASSIC, agentScore }),
        log: silentLog,
        learnEveryMs: 10,
        readEveryMs: 10,
        staleMs: 10,
      });
    const scores = running();
    const evidence = (of: typeof scores) => {
      const history = of.historyOf("agent-1", { ...CLASSIC, agentScore });
      return history === undefined ? -1 : Math.round(evidenceOf(history.agent));
    };
    try {
      expect(evidence(scores)).toBe(0);
      await record([anExecution("one"), anExecution("two")]);
      await expect.poll(() => evidence(scores), { timeout: 10_000 }).toBe(2);
    } finally {
      scores.stop();
    }
    const restarted = running();
    try {
      await expect.poll(() => evidence(restarted), { timeout: 10_000 }).toBe(2);
    } finally {
      restarted.stop();
    }
  });
});
