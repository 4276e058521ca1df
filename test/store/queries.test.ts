import fc from "fast-check";
import { sql } from "kysely";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { TIERS } from "../../src/routing/types.ts";
import { insertAttempts, listAttempts } from "../../src/store/attempts.ts";
import { type OpenDatabase, openDatabase } from "../../src/store/database.ts";
import { decisionDetails } from "../../src/store/decision-details.ts";
import { findExecution, insertExecutions } from "../../src/store/executions.ts";
import { USAGE_SOURCES } from "../../src/store/records.ts";
import { aDecision, anAttempt, anExecution } from "../support/executions.ts";
import { silentLog } from "../support/memory-log.ts";
import { ENGINES, type TestEngine } from "./engines.ts";

const CALLS_BY_PROVIDER = `
  SELECT provider, COUNT(*) as calls, SUM(cost_usd) as total_cost FROM ai_analytics
  WHERE created_at > NOW() - INTERVAL '24 hours' GROUP BY provider ORDER BY calls DESC;`;

const EXECUTIONS_BY_MODEL = `
  SELECT tier, provider, model, COUNT(*) as count FROM orchestration_executions
  WHERE created_at > NOW() - INTERVAL '24 hours' GROUP BY tier, provider, model ORDER BY count DESC;`;

const HOUR_MS = 3_600_000;
const hoursAgo = (hours: number) => new Date(Date.now() - hours * HOUR_MS);

describe.each(ENGINES)("the tables on $name", ({ start }) => {
  let engine: TestEngine;
  let database: OpenDatabase;

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
    await sql`truncate orchestration_executions, ai_analytics`.execute(database.db);
  });

  it("gives back an execution as it was recorded", async () => {
    const record = anExecution("exec-1", {
      reasoningTokens: 12,
      costNanoUsd: 9_007_199_254_740_993n,
      labels: { team: "search", note: 'a "quote", a \\ and 🎈' },
      scoringInputs: {
        type: "generate",
        scores: { combined: 5 },
        measured: [420, 0, 1, 2],
        inputTokens: 105,
      },
    });
    await insertExecutions(database.db, [record]);
    expect(await findExecution(database.db, "exec-1")).toEqual({
      execution_id: "exec-1",
      key_id: "",
      agent_id: "agent-1",
      session_id: "session-1",
      user_tier: "pro",
      intent: "generate",
      decision_id: "decision-of-exec-1",
      tier: "balanced",
      provider: "kimi",
      model: "kimi-k2-0905-preview",
      effective_score: 4.52,
      agent_score: 5,
      step_score: 3.8,
      factors: aDecision.factors,
      causes: aDecision.causes,
      decision: decisionDetails(aDecision),
      config_version: 7n,
      preset: "classic",
      scorer: "classic@1",
      status: "ok",
      failure_reason: null,
      finish_reason: "stop",
      fresh_input_tokens: 120,
      cached_input_tokens: 30,
      cache_write_tokens: 0,
      output_tokens: 45,
      reasoning_tokens: 12,
      usage_source: "REPORTED",
      cost_nano_usd: 9_007_199_254_740_993n,
      cost_usd: "9007199.254740993",
      price_status: "KNOWN",
      cache_saving_nano_usd: 13_500n,
      latency_ms: 830,
      ttft_ms: 255,
      labels: record.labels,
      scoring_inputs: record.scoringInputs,
      sandbox: true,
      created_at: record.createdAt,
    });
  });

  it("keeps apart what was not said from what was nothing", async () => {
    const decision = { ...aDecision, stepScore: undefined };
    const record = anExecution("exec-1", {
      decision,
      status: "failed",
      failureReason: "PROVIDERS_UNAVAILABLE",
      finishReason: undefined,
      ttftMs: undefined,
    });
    await insertExecutions(database.db, [record]);
    expect(await findExecution(database.db, "exec-1")).toMatchObject({
      step_score: null,
      failure_reason: "PROVIDERS_UNAVAILABLE",
      finish_reason: null,
      reasoning_tokens: null,
      ttft_ms: null,
      cache_write_tokens: 0,
    });
    expect(await findExecution(database.db, "exec-2")).toBeUndefined();
  });

  it("lists the attempts of one execution in their order", async () => {
    const second = anAttempt("exec-1", {
      attempt: 2,
      usageSource: "ESTIMATED",
      usageMethod: "pieces_and_characters",
    });
    const first = anAttempt("exec-1", {
      outcome: "rate_limited",
      ttftMs: undefined,
      priceVersion: undefined,
    });
    await insertAttempts(database.db, [second, anAttempt("exec-2"), first]);
    expect(await listAttempts(database.db, "exec-1")).toMatchObject([
      {
        attempt: 1,
        outcome: "rate_limited",
        ttft_ms: null,
        price_version: null,
        usage_method: null,
        kind: "first",
        headers_ms: 180.5,
        created_at: first.startedAt,
      },
      {
        attempt: 2,
        outcome: "ok",
        usage_method: "pieces_and_characters",
        ttft_ms: 240.25,
        price_version: "2025-09-05",
        cost_nano_usd: 184_500n,
      },
    ]);
  });

  it("takes every word there is for tiers, usage, prices and ends", async () => {
    const words = {
      tier: TIERS,
      usageSource: USAGE_SOURCES,
      priceStatus: ["KNOWN", "UNKNOWN"],
      status: ["ok", "failed", "cancelled", "deadline_exceeded"],
    } as const;
    const records = Object.entries(words).flatMap(([name, all]) =>
      all.map((word) => {
        const id = `${name}-${word}`;
        const attempts = [anAttempt(id, { [name]: word })];
        const decision = { ...aDecision, ...(name === "tier" && { tier: word as (typeof TIERS)[number] }) };
        return anExecution(id, { [name]: word, decision, attempts });
      }),
    );
    await insertExecutions(database.db, records);
    await insertAttempts(
      database.db,
      records.flatMap(({ attempts }) => attempts),
    );
    const { rows } = await sql<{ count: bigint }>`select count(*) from ai_analytics`.execute(database.db);
    expect(rows).toEqual([{ count: BigInt(records.length) }]);
  });

  it("answers the operators' question for calls and cost by provider", async () => {
    const openai = { provider: "openai", model: "gpt-4o-mini" };
    await insertAttempts(database.db, [
      anAttempt("exec-1", { costNanoUsd: 1n }),
      anAttempt("exec-2", { costNanoUsd: 2_500_000_000n, startedAt: hoursAgo(23) }),
      anAttempt("exec-2", { attempt: 2, target: openai, costNanoUsd: 7n }),
      anAttempt("exec-3", { costNanoUsd: 9_000_000_000n, startedAt: hoursAgo(25) }),
    ]);
    const { rows } = await sql.raw(CALLS_BY_PROVIDER).execute(database.db);
    expect(rows).toEqual([
      { provider: "kimi", calls: 2n, total_cost: "2.500000001" },
      { provider: "openai", calls: 1n, total_cost: "0.000000007" },
    ]);
  });

  it("answers the operators' question for executions by tier and model", async () => {
    const claude = { provider: "anthropic", model: "claude-opus-4-1" };
    const powerful = { ...aDecision, tier: "powerful" as const };
    await insertExecutions(database.db, [
      anExecution("exec-1", { served: claude, decision: powerful }),
      anExecution("exec-2"),
      anExecution("exec-3", { createdAt: hoursAgo(23) }),
      anExecution("exec-4", { createdAt: hoursAgo(25) }),
    ]);
    const { rows } = await sql.raw(EXECUTIONS_BY_MODEL).execute(database.db);
    expect(rows).toEqual([
      { tier: "balanced", provider: "kimi", model: "kimi-k2-0905-preview", count: 2n },
      { tier: "powerful", provider: "anthropic", model: "claude-opus-4-1", count: 1n },
    ]);
  });

  it("sums money to the nano-USD, far above what a float can count", async () => {
    const amounts = fc.array(fc.bigInt({ min: 0n, max: 2n ** 62n }), { minLength: 1, maxLength: 200 });
    await fc.assert(
      fc.asyncProperty(amounts, async (costs) => {
        await sql`truncate ai_analytics`.execute(database.db);
        await insertAttempts(
          database.db,
          costs.map((costNanoUsd, index) => anAttempt(`exec-${index}`, { costNanoUsd })),
        );
        const { rows } = await sql<{ nano: string; usd: string }>`
          select sum(cost_nano_usd) as nano, sum(cost_usd) as usd from ai_analytics`.execute(database.db);
        const total = costs.reduce((sum, cost) => sum + cost, 0n);
        expect(rows[0]?.nano).toBe(total.toString());
        expect(rows[0]?.usd).toBe(asUsd(total));
      }),
      { numRuns: 15 },
    );
  });

  it("adds a hundred thousand single nano-USD to exactly a ten-thousandth of a dollar", async () => {
    await insertAttempts(database.db, [anAttempt("exec", { costNanoUsd: 1n })]);
    const { rows } = await sql`
      select sum(cost_usd) as usd from ai_analytics, generate_series(1, 100000)`.execute(database.db);
    expect(rows).toEqual([{ usd: "0.000100000" }]);
  });

  it("shows an unknown price as unknown, not as free", async () => {
    await insertAttempts(database.db, [
      anAttempt("unknown", { costNanoUsd: 0n, priceStatus: "UNKNOWN" }),
      anAttempt("free", { costNanoUsd: 0n, priceStatus: "KNOWN" }),
      anAttempt("in-part", { costNanoUsd: 5n, priceStatus: "UNKNOWN" }),
    ]);
    const costOf = async (id: string) => (await listAttempts(database.db, id))[0]?.cost_usd;
    expect(await costOf("unknown")).toBeNull();
    expect(await costOf("free")).toBe("0.000000000");
    expect(await costOf("in-part")).toBe("0.000000005");
  });

  it("keeps what a cache saved, be it less than nothing", async () => {
    const cacheSavingNanoUsd = -9_007_199_254_740_993n;
    await insertAttempts(database.db, [anAttempt("wrote", { cacheSavingNanoUsd })]);
    expect(await listAttempts(database.db, "wrote")).toMatchObject([
      { cache_saving_nano_usd: cacheSavingNanoUsd },
    ]);
  });

  it("reads numbers exactly without changing how the rest of the process reads them", async () => {
    const { rows } = await sql`
      select 9223372036854775807::bigint as big, 0.10::numeric as exact, null::bigint as none`.execute(
      database.db,
    );
    expect(rows).toEqual([{ big: 9_223_372_036_854_775_807n, exact: "0.10", none: null }]);
    expect(pg.types.getTypeParser(pg.types.builtins.INT8)("5")).toBe("5");
  });
});

function asUsd(nanoUsd: bigint): string {
  const digits = nanoUsd.toString().padStart(10, "0");
  return `${digits.slice(0, -9)}.${digits.slice(-9)}`;
}
