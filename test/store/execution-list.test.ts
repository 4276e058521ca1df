import fc from "fast-check";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Decision } from "../../src/routing/types.ts";
import { type OpenDatabase, openDatabase } from "../../src/store/database.ts";
import { decisionOf } from "../../src/store/decision-details.ts";
import { type ExecutionFilter, type ListPosition, listExecutions } from "../../src/store/execution-list.ts";
import { findExecution, insertExecutions } from "../../src/store/executions.ts";
import type { ExecutionRecord } from "../../src/store/records.ts";
import { aDecision, anExecution } from "../support/executions.ts";
import { silentLog } from "../support/memory-log.ts";
import { ENGINES, type TestEngine } from "./engines.ts";

const NOON = Date.parse("2026-03-29T12:00:00Z");
const kimi = { provider: "kimi", model: "kimi-k2-0905-preview" };
const claude = { provider: "anthropic", model: "claude-opus-4-1" };

const aShadow = { scorer: "calibrated" as const, stepScore: 7, effectiveScore: 7, tier: "powerful" as const };

/** Two at a time in the same millisecond, so that a page may end between them. */
const recorded: readonly ExecutionRecord[] = Array.from({ length: 60 }, (_, index) =>
  anExecution(`exec-${String(index).padStart(2, "0")}`, {
    createdAt: new Date(NOON + (index >> 1) * 1_000),
    agentId: `agent-${index % 3}`,
    sessionId: index % 4 === 0 ? "" : `session-${index % 5}`,
    intent: index % 2 === 0 ? "generate" : "extract",
    served: index % 7 === 0 ? claude : kimi,
    decision: {
      ...aDecision,
      tier: index % 7 === 0 ? "powerful" : "balanced",
      ...(index % 3 === 0 && { shadow: { ...aShadow, differs: index % 2 === 0 } }),
    },
    status: index % 10 === 0 ? "failed" : "ok",
    costNanoUsd: BigInt(index) * 1_000n,
    labels: { team: `team-${index % 3}`, stage: index % 2 === 0 ? "test" : "live" },
  }),
);

const matches = (record: ExecutionRecord, filter: ExecutionFilter): boolean =>
  (filter.from === undefined || record.createdAt >= filter.from) &&
  (filter.to === undefined || record.createdAt < filter.to) &&
  (filter.agentId === undefined || record.agentId === filter.agentId) &&
  (filter.tier === undefined || record.decision.tier === filter.tier) &&
  (filter.provider === undefined || record.served.provider === filter.provider) &&
  (filter.model === undefined || record.served.model === filter.model) &&
  (filter.status === undefined || record.status === filter.status) &&
  (filter.intent === undefined || record.intent === filter.intent) &&
  (filter.sessionId === undefined || record.sessionId === filter.sessionId) &&
  (filter.minCostNanoUsd === undefined || record.costNanoUsd >= filter.minCostNanoUsd) &&
  (filter.shadowDiffers === undefined || record.decision.shadow?.differs === true) &&
  Object.entries(filter.labels ?? {}).every(([key, value]) => record.labels[key] === value);

const second = fc.integer({ min: -1, max: 31 }).map((seconds) => new Date(NOON + seconds * 1_000));
const aFilter: fc.Arbitrary<ExecutionFilter> = fc.record(
  {
    from: second,
    to: second,
    agentId: fc.constantFrom("agent-0", "agent-2", "nobody"),
    tier: fc.constantFrom("balanced", "powerful"),
    provider: fc.constantFrom("kimi", "anthropic"),
    model: fc.constantFrom(kimi.model, claude.model),
    status: fc.constantFrom("ok", "failed"),
    intent: fc.constantFrom("generate", "extract"),
    sessionId: fc.constantFrom("session-1", "session-3"),
    minCostNanoUsd: fc.constantFrom(1_000n, 30_000n, 59_000n),
    shadowDiffers: fc.constant(true as const),
    labels: fc.constantFrom<Record<string, string>>(
      { team: "team-1" },
      { team: "team-0", stage: "live" },
      { team: "none" },
    ),
  },
  { requiredKeys: [] },
);

describe.each(ENGINES)("the list of executions on $name", ({ start }) => {
  let engine: TestEngine;
  let database: OpenDatabase;

  beforeAll(async () => {
    engine = await start();
    database = await openDatabase(await engine.fresh(silentLog));
    await database.migrate();
    await insertExecutions(database.db, recorded);
  }, 60_000);
  afterAll(async () => {
    await database?.close();
    await engine?.stop();
  });

  async function idsOf(filter: ExecutionFilter, pageSize: number): Promise<readonly string[]> {
    const ids: string[] = [];
    let after: ListPosition | undefined;
    for (;;) {
      const rows = await listExecutions(database.analytics, filter, after, pageSize);
      ids.push(...rows.map(({ execution_id }) => execution_id));
      const last = rows.at(-1);
      if (rows.length < pageSize || last === undefined) return ids;
      after = { createdAtUs: last.created_at_us, executionId: last.execution_id };
    }
  }

  it("gives what matches every filter, the newest first, each once, whatever the size of the pages", async () => {
    await fc.assert(
      fc.asyncProperty(aFilter, fc.integer({ min: 1, max: 70 }), async (filter, pageSize) => {
        const expected = recorded
          .filter((record) => matches(record, filter))
          .map(({ executionId }) => executionId);
        expect(await idsOf(filter, pageSize)).toEqual(expected.toReversed());
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  it("tells apart executions that began a microsecond after each other", async () => {
    const names = ["micro-1", "micro-2", "micro-3"];
    await insertExecutions(
      database.db,
      names.map((name) => anExecution(name, { agentId: "micro", createdAt: new Date(NOON) })),
    );
    await sql`update orchestration_executions
      set created_at = created_at + right(execution_id, 1)::int * interval '1 microsecond'
      where agent_id = 'micro'`.execute(database.db);
    expect(await idsOf({ agentId: "micro" }, 1)).toEqual(names.toReversed());
  });

  it("gives back everything that explains a decision, and no word of the caller", async () => {
    const decision: Decision = {
      ...aDecision,
      targets: [
        {
          ...kimi,
          tier: "balanced",
          maxOutputTokens: 4_096,
          temperature: 0.7,
          stop: ["SECRET STOP"],
          dropped: [{ name: "seed", detail: "Kimi knows no seeds" }],
        },
        { ...claude, tier: "powerful", maxOutputTokens: 8_192, dropped: [] },
      ],
      rejected: [{ target: claude, tier: "powerful", reason: "no_key", detail: "set ANTHROPIC_API_KEY" }],
      estimatedCostNanoUsd: 9_007_199_254_740_993n,
      cache: { target: kimi, warmTokens: 900, switchCostNanoUsd: 12n, savingNanoUsd: -3n, kept: true },
    };
    await insertExecutions(database.db, [anExecution("explained", { decision })]);
    const row = await findExecution(database.db, "explained");
    if (row === undefined) throw new Error("it was not written");
    const [chosen, ...rest] = decision.targets;
    const { stop: _, ...withoutStop } = chosen;
    expect(decisionOf(row)).toEqual({ ...decision, targets: [withoutStop, ...rest] });
    expect(JSON.stringify(row.decision)).not.toContain("SECRET");
  });

  it("shows of a row from before decisions were kept what it has", async () => {
    await insertExecutions(database.db, [anExecution("old")]);
    await sql`update orchestration_executions set decision = null where execution_id = 'old'`.execute(
      database.db,
    );
    const row = await findExecution(database.db, "old");
    expect(row && decisionOf(row)).toMatchObject({
      tier: "balanced",
      targets: [{ ...kimi, tier: "balanced" }],
      effectiveScore: 4.52,
      factors: aDecision.factors,
      causes: aDecision.causes,
      rejected: [],
      reason: "",
    });
  });
});
