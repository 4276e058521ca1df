/** A month of executions made up in the database: three tiers, six targets, failures, fallbacks, two thousand agents. */
import { type Kysely, sql } from "kysely";
import { rollUpWhere } from "../../src/store/rollups.ts";
import type { Database } from "../../src/store/tables.ts";

const DAYS = 30;
const HOURS = DAYS * 24;

export type SeedOptions = Readonly<{
  /** In the whole month. */
  executions: number;
  /** The newest of them keep their rows; those before are in the sums only. Rounded up to whole hours. */
  kept: number;
  onProgress: (share: number) => void;
}>;

/**
 * Fills empty tables over one connection. Most indexes are made afterwards, which is several times faster.
 * @returns how many executions were made up, and how many of them have rows
 */
export async function seedMonth(
  db: Kysely<Database>,
  { executions, kept, onProgress }: SeedOptions,
): Promise<Readonly<{ summed: number; kept: number }>> {
  const indexes = await listIndexes(db);
  for (const { name } of indexes) await sql`drop index ${sql.ref(name)}`.execute(db);
  const now = await lastHour(db);
  const anHour = Math.round(executions / HOURS);
  const firstKept = Math.max(0, HOURS - Math.ceil(kept / anHour));
  const seed = (hour: number) => seedHour(db, new Date(now.getTime() - (HOURS - hour) * 3_600_000), anHour);
  if (firstKept > 0) await shadow(db);
  for (let hour = 0; hour < HOURS; hour += 1) {
    if (hour > 0 && hour === firstKept) await unshadow(db);
    await seed(hour);
    if (hour < firstKept) await sql`truncate orchestration_executions, ai_analytics`.execute(db);
    if (hour === firstKept || hour === firstKept + 23) await sql`analyze`.execute(db);
    if (hour % 24 === 23) onProgress((hour + 1) / HOURS);
  }
  if (firstKept === HOURS) await unshadow(db);
  for (const { definition } of indexes) await sql.raw(definition).execute(db);
  await sql`vacuum analyze`.execute(db);
  return { summed: anHour * HOURS, kept: anHour * (HOURS - firstKept) };
}

const ROWS = ["orchestration_executions", "ai_analytics"] as const;

/** Temporary tables of the same names go before the real ones, so that the service's own statement adds them up. */
async function shadow(db: Kysely<Database>): Promise<void> {
  for (const table of ROWS) {
    const shape = sql`like ${sql.ref(`public.${table}`)} including defaults including generated`;
    await sql`create temporary table ${sql.ref(table)} (${shape})`.execute(db);
  }
}

async function unshadow(db: Kysely<Database>): Promise<void> {
  for (const table of ROWS) await sql`drop table ${sql.ref(`pg_temp.${table}`)}`.execute(db);
}

async function listIndexes(db: Kysely<Database>) {
  const { rows } = await sql<{ name: string; definition: string }>`
    select indexname as name, indexdef as definition from pg_indexes
    where tablename in ('orchestration_executions', 'ai_analytics') and indexname not like '%pkey' and indexname not like '%by_time'`.execute(
    db,
  );
  return rows;
}

async function lastHour(db: Kysely<Database>): Promise<Date> {
  const { rows } = await sql<{ at: Date }>`select date_trunc('hour', now(), 'UTC') as at`.execute(db);
  return rows[0]?.at as Date;
}

async function seedHour(db: Kysely<Database>, from: Date, executions: number): Promise<void> {
  await insertExecutions(db, from, executions);
  await insertAttempts(db, from);
  const to = new Date(from.getTime() + 3_600_000);
  await rollUpWhere(db, sql`created_at >= ${from} and created_at < ${to}`);
}

/** Ids begin with the time, as the service's do. Agents call by a power law, so that a few make most of the calls. */
const insertExecutions = (db: Kysely<Database>, from: Date, executions: number) =>
  sql`
  insert into orchestration_executions (execution_id, agent_id, session_id, user_tier, intent, decision_id, tier, provider,
    model, effective_score, agent_score, step_score, factors, causes, decision, config_version, preset, scorer, status,
    failure_reason, finish_reason, labels, sandbox, fresh_input_tokens, cached_input_tokens, cache_write_tokens,
    output_tokens, usage_source, cost_nano_usd, price_status, cache_saving_nano_usd, latency_ms, ttft_ms, created_at)
  select to_char(at, 'YYYYMMDDHH24MISSUS') || '-' || n, 'agent-' || floor(2000 * power(random(), 3))::int,
    'session-' || (n / 5) || to_char(${from}::timestamptz, 'MMDDHH24'), 'pro', (array['generate','extract','summarize'])[1 + n % 3],
    'decision-' || n, tier, provider, model, score, 5, 4.5,
    '[{"name":"prompt","measurement":420,"score":5,"weight":0.15,"contribution":0.75}]',
    '[{"kind":"score","after":"balanced","detail":"4.52 is from 3.0 to 6.5"}]',
    '{"agentScoreSource":"combined","stepType":"generate","targets":[{"provider":"kimi","model":"k2","tier":"balanced","maxOutputTokens":4096}],"estimatedInputTokens":150,"estimatedOutputTokens":4096,"tokenEstimate":"characters_per_token","estimatedLatencyMs":1500,"latencySource":"configured","reason":"balanced: 0.6 x 5 + 0.4 x 3.8 = 4.52"}',
    7, 'classic', 'classic@1', case when luck < 0.01 then 'failed' when luck < 0.015 then 'cancelled' else 'ok' end,
    case when luck < 0.01 then 'PROVIDERS_UNAVAILABLE' end, case when luck >= 0.015 then 'stop' end,
    jsonb_build_object('team', 'team-' || n % 40), false, 800, 200 * (n % 2), 0, 300, 'REPORTED',
    (power(random(), 8) * 100000000)::bigint + 100000, 'KNOWN', 13500, exp(6 + 1.5 * random()), exp(5 + random()), at
  from (select *, (array['openai', 'kimi', 'anthropic'])[kind] as provider,
      (array[array['gpt-4o-mini', 'gpt-4o'], array['kimi-k2-0905-preview', 'kimi-k2-turbo'],
        array['claude-sonnet-4-5', 'claude-opus-4-1']])[kind][1 + (n % 4) / 3] as model,
      (array['fast', 'balanced', 'powerful'])[kind] as tier
    from (select n, random() as luck, least(10, 10 * power(random(), 1.2)) as score,
        (array[1, 2, 2, 2, 3])[1 + floor(5 * random())::int] as kind,
        ${from}::timestamptz + random() * interval '3599 seconds' as at
      from generate_series(1, ${executions}::int) n) as drawn) as placed`.execute(db);

/** One to each execution, and before one in thirty another that failed. */
const insertAttempts = (db: Kysely<Database>, from: Date) =>
  sql`
  insert into ai_analytics (execution_id, attempt, kind, provider, model, tier, outcome, price_version, headers_ms,
    fresh_input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, usage_source, cost_nano_usd, price_status,
    cache_saving_nano_usd, latency_ms, ttft_ms, created_at)
  select execution_id, n, case when n = 1 then 'first' else 'fallback' end,
    case when n < made then 'kimi' else provider end, case when n < made then 'kimi-k2-0905-preview' else model end, tier,
    case when n < made or status = 'failed' then 'server_error' when status = 'cancelled' then status else 'ok' end,
    '2025-09-05', 120, fresh_input_tokens, cached_input_tokens, 0, output_tokens, 'REPORTED',
    case when n < made then 0 else cost_nano_usd end, 'KNOWN', case when n < made then 0 else cache_saving_nano_usd end,
    latency_ms, case when n = made then ttft_ms end, created_at
  from (select *, case when hashtext(execution_id) % 30 = 0 then 2 else 1 end as made from orchestration_executions
    where created_at >= ${from} and created_at < ${from}::timestamptz + interval '1 hour') as e
  cross join lateral generate_series(1, made) as n`.execute(db);
