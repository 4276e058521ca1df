import fc from "fast-check";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { TIERS } from "../../src/routing/types.ts";
import { type OpenDatabase, openDatabase } from "../../src/store/database.ts";
import { createRecorder } from "../../src/store/recorder.ts";
import type { AttemptRecord, ExecutionRecord } from "../../src/store/records.ts";
import { aDecision, anAttempt, anExecution } from "../support/executions.ts";
import { silentLog } from "../support/memory-log.ts";
import { aSpool } from "../support/spool.ts";
import { ENGINES, type TestEngine } from "./engines.ts";

const HOUR_MS = 3_600_000;
const NOON = new Date("2026-03-29T12:00:00Z");
const TARGETS = [
  { provider: "kimi", model: "kimi-k2-0905-preview" },
  { provider: "openai", model: "gpt-4o-mini" },
  { provider: "openai", model: "gpt-4o" },
] as const;
const FAILURES = ["rate_limited", "server_error"];

type Row = Readonly<Record<string, unknown>>;

const aTarget = fc.constantFrom(...TARGETS);
const aCount = fc.integer({ min: 0, max: 5_000 });
const tokens = fc.record({
  freshInputTokens: aCount,
  cachedInputTokens: fc.oneof(fc.constant(0), aCount),
  cacheWriteTokens: fc.oneof(fc.constant(0), aCount),
  outputTokens: aCount,
});
const aMoment = fc
  .integer({ min: -2 * HOUR_MS, max: 2 * HOUR_MS })
  .map((offsetMs) => new Date(NOON.getTime() + offsetMs));
const money = {
  costNanoUsd: fc.bigInt({ min: 0n, max: 10n ** 12n }),
  cacheSavingNanoUsd: fc.bigInt({ min: -(10n ** 9n), max: 10n ** 9n }),
  priceStatus: fc.constantFrom("KNOWN", "UNKNOWN"),
} as const;

const attempt = fc.record({
  ...money,
  kind: fc.constantFrom("retry", "fallback", "hedge"),
  target: aTarget,
  tier: fc.constantFrom(...TIERS),
  outcome: fc.constantFrom("ok", "cancelled", "hedged_out", ...FAILURES),
  tokens,
  latencyMs: fc.double({ min: 0, max: 2 ** 21, noNaN: true }),
  ttftMs: fc.option(fc.double({ min: 0, max: 2 ** 21, noNaN: true }), { nil: undefined }),
  startedAt: aMoment,
});

const execution = fc.record({
  ...money,
  agentId: fc.constantFrom("", "agent-1", "agent-2"),
  served: aTarget,
  status: fc.constantFrom("ok", "failed", "cancelled", "deadline_exceeded"),
  tier: fc.constantFrom(...TIERS),
  effectiveScore: fc.oneof(fc.constantFrom(0, 2.3, 3, 6.5, 10), fc.double({ min: 0, max: 10, noNaN: true })),
  createdAt: aMoment,
  attempts: fc.array(attempt, { maxLength: 4 }),
});

const records = fc.array(execution, { maxLength: 25 }).map((drawn) =>
  drawn.map(({ tier, effectiveScore, attempts, ...rest }, index) => {
    const id = `exec-${index}`;
    const decision = { ...aDecision, tier, effectiveScore: Math.round(effectiveScore * 1e6) / 1e6 };
    const made = attempts.map((one, position) =>
      anAttempt(id, { ...one, attempt: position + 1, ...(position === 0 && { kind: "first" as const }) }),
    );
    return anExecution(id, { ...rest, decision, attempts: made });
  }),
);

const hourOf = (date: Date): string => new Date(Math.floor(date.getTime() / HOUR_MS) * HOUR_MS).toISOString();
const isTrue = (holds: boolean): bigint => (holds ? 1n : 0n);

/** Sums by the fields that are not bigints. */
function summed(rows: readonly Row[]): readonly Row[] {
  const byKey = new Map<string, Record<string, unknown>>();
  for (const row of rows) {
    const key = JSON.stringify(Object.entries(row).filter(([, value]) => typeof value !== "bigint"));
    const sum = byKey.get(key);
    if (sum === undefined) byKey.set(key, { ...row });
    else
      for (const [name, value] of Object.entries(row)) {
        if (typeof value === "bigint") sum[name] = (sum[name] as bigint) + value;
      }
  }
  return [...byKey.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum);
}

const fellBack = ({ attempts }: ExecutionRecord): boolean => attempts.some(({ kind }) => kind === "fallback");

const attemptRow = (made: AttemptRecord, { attempts }: ExecutionRecord): Row => {
  const { kind, outcome, tokens: used } = made;
  const next = attempts.find(
    (other) => other.attempt > made.attempt && (other.kind === "hedge") === (kind === "hedge"),
  );
  return {
    hour: hourOf(made.startedAt),
    ...made.target,
    tier: made.tier,
    outcome,
    calls: 1n,
    fallbacks: isTrue(FAILURES.includes(outcome) && next?.kind === "fallback"),
    hedges: isTrue(kind === "hedge"),
    calls_with_input: isTrue(used.freshInputTokens + used.cachedInputTokens + used.cacheWriteTokens > 0),
    cache_hits: isTrue(used.cachedInputTokens > 0),
    unpriced_calls: isTrue(made.priceStatus === "UNKNOWN"),
    fresh_input_tokens: BigInt(used.freshInputTokens),
    cached_input_tokens: BigInt(used.cachedInputTokens),
    cache_write_tokens: BigInt(used.cacheWriteTokens),
    output_tokens: BigInt(used.outputTokens),
    cost_nano_usd: made.costNanoUsd,
    cache_saving_nano_usd: made.cacheSavingNanoUsd,
  };
};

const executionRow = (record: ExecutionRecord): Row => ({
  hour: hourOf(record.createdAt),
  tier: record.decision.tier,
  ...record.served,
  status: record.status,
  executions: 1n,
  fallbacks: isTrue(fellBack(record)),
  unpriced_executions: isTrue(record.priceStatus === "UNKNOWN"),
  cost_nano_usd: record.costNanoUsd,
  cache_saving_nano_usd: record.cacheSavingNanoUsd,
});

const agentRow = (record: ExecutionRecord): Row => ({
  hour: hourOf(record.createdAt),
  named: true,
  agent_id: record.agentId,
  executions: 1n,
  errors: isTrue(["failed", "deadline_exceeded"].includes(record.status)),
  fallbacks: isTrue(fellBack(record)),
  unpriced_executions: isTrue(record.priceStatus === "UNKNOWN"),
  calls: BigInt(record.attempts.length),
  unpriced_calls: BigInt(record.attempts.filter(({ priceStatus }) => priceStatus === "UNKNOWN").length),
  cost_nano_usd: record.costNanoUsd,
  cache_saving_nano_usd: record.cacheSavingNanoUsd,
});

const scoreRow = ({ createdAt, decision }: ExecutionRecord): Row => ({
  hour: hourOf(createdAt),
  bucket: Math.floor(Math.round(decision.effectiveScore * 1e6) / 1e5),
  executions: 1n,
});

describe.each(ENGINES)("the rollups on $name", ({ start }) => {
  let engine: TestEngine;
  let database: OpenDatabase;

  const emptyTables = () =>
    sql`truncate orchestration_executions, ai_analytics, attempt_rollups, latency_rollups, execution_rollups,
      agent_rollups, score_rollups`.execute(database.db);

  beforeAll(async () => {
    engine = await start();
    database = await openDatabase(await engine.fresh(silentLog));
    await database.migrate();
  }, 60_000);
  afterAll(async () => {
    await database?.close();
    await engine?.stop();
  });
  beforeEach(emptyTables);

  async function write(executions: readonly ExecutionRecord[], maxBatch = 7): Promise<void> {
    const recorder = createRecorder({ db: database.db, spool: await aSpool(), log: silentLog, maxBatch });
    for (const one of executions) recorder.record(one);
    await recorder.flush();
    await recorder.close();
  }

  async function read(table: string): Promise<readonly Row[]> {
    const { rows } = await sql<Row & { hour: Date }>`select * from ${sql.table(table)}`.execute(database.db);
    return summed(rows.map((row) => ({ ...row, hour: row.hour.toISOString() })));
  }

  it("are the sums of the rows, however often and in whatever batches these are written", async () => {
    await fc.assert(
      fc.asyncProperty(records, fc.integer({ min: 1, max: 30 }), async (executions, maxBatch) => {
        await emptyTables();
        await write(executions, maxBatch);
        await write([...executions].reverse(), 30);
        const attempts = executions.flatMap((one) => one.attempts.map((made) => attemptRow(made, one)));
        expect(await read("attempt_rollups")).toEqual(summed(attempts));
        expect(await read("execution_rollups")).toEqual(summed(executions.map(executionRow)));
        expect(await read("agent_rollups")).toEqual(summed(executions.map(agentRow)));
        expect(await read("score_rollups")).toEqual(summed(executions.map(scoreRow)));
      }),
      { numRuns: 25 },
    );
  }, 60_000);

  it("count once what is sent again", async () => {
    const executions = Array.from({ length: 40 }, (_, index) => {
      const id = `exec-${index}`;
      return anExecution(id, { createdAt: NOON, attempts: [anAttempt(id, { startedAt: NOON })] });
    });
    await write(executions.slice(0, 25));
    await write(executions);
    await write(executions);
    expect(await read("execution_rollups")).toMatchObject([{ executions: 40n, cost_nano_usd: 7_380_000n }]);
    expect(await read("attempt_rollups")).toMatchObject([{ calls: 40n, cost_nano_usd: 7_380_000n }]);
    expect(await read("agent_rollups")).toMatchObject([{ executions: 40n, calls: 40n }]);
    expect(await read("score_rollups")).toMatchObject([{ bucket: 45, executions: 40n }]);
    const latencies = await read("latency_rollups");
    expect(latencies.map(({ measure, count }) => ({ measure, count }))).toEqual([
      { measure: "first_token", count: 40n },
      { measure: "latency", count: 40n },
    ]);
  });

  it("put a latency where its bucket's middle is off by 4.4 % at most, from 1 ms to 17 minutes", async () => {
    const latencies = [1, 1.5, 2, 17.3, 812.5, 30_000, 899_999, 2 ** 20];
    const executions = latencies.map((latencyMs, index) => {
      const id = `exec-${index}`;
      return anExecution(id, { attempts: [anAttempt(id, { latencyMs, ttftMs: undefined })] });
    });
    await write(executions);
    const { rows } = await sql<{
      bucket: number;
    }>`select bucket from latency_rollups order by bucket`.execute(database.db);
    expect(rows.length).toBe(latencies.length);
    for (const [index, { bucket }] of rows.entries()) {
      const middle = 2 ** ((bucket - 0.5) / 8);
      expect(Math.abs(middle / (latencies[index] ?? 0) - 1)).toBeLessThan(0.0443);
    }
  });

  it("tell 200 agents of an hour apart, and keep the sums of the others", async () => {
    const anAgentsCall = (agent: number, call: number) =>
      anExecution(`exec-${agent}-${call}`, { agentId: `agent-${agent}`, createdAt: NOON });
    const early = Array.from({ length: 180 }, (_, agent) => anAgentsCall(agent, 0));
    const late = Array.from({ length: 60 }, (_, index) => anAgentsCall(180 + index, 0));
    const busy = Array.from({ length: 3 }, (_, call) => anAgentsCall(235, call + 1));
    await write(early, 500);
    await write([...late, ...busy], 500);
    await write([anAgentsCall(3, 1), anAgentsCall(239, 1)], 500);
    const rows = await read("agent_rollups");
    const named = rows.filter((row) => row.named === true);
    expect(named.length).toBe(200);
    expect(named.find((row) => row.agent_id === "agent-235")).toMatchObject({ executions: 4n });
    expect(named.find((row) => row.agent_id === "agent-3")).toMatchObject({ executions: 2n });
    expect(rows.filter((row) => row.named === false)).toMatchObject([{ agent_id: "", executions: 41n }]);
    const all = rows.reduce((sum, row) => sum + (row.executions as bigint), 0n);
    expect(all).toBe(BigInt(180 + 60 + 3 + 2));
  });
});
