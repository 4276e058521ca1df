/**
 * Sums by the hour, kept with the rows that they count: in the transaction that inserts executions, for those that are
 * new. One statement adds to all tables, to each in the order of its keys, so that replicas wait for each other and never
 * in a ring.
 */
import { type Kysely, type RawBuilder, sql } from "kysely";
import { BUCKETS_PER_DOUBLING } from "../analytics/percentiles.ts";
import { NO_FAILURES } from "./records.ts";
import type { Database } from "./tables.ts";

/**
 * The most agents that an hour tells apart; the others share a row. Whoever calls often is soon among the first to call in
 * an hour, so what is lumped together is the long tail.
 */
const MOST_AGENTS_AN_HOUR = 200;

/** Of latencies: 2^20 ms, longer than any call may take. */
const LAST_BUCKET = 20 * BUCKETS_PER_DOUBLING;

const ATTEMPT_SUMS = [
  "calls",
  "fallbacks",
  "hedges",
  "calls_with_input",
  "cache_hits",
  "unpriced_calls",
  "fresh_input_tokens",
  "cached_input_tokens",
  "cache_write_tokens",
  "output_tokens",
  "cost_nano_usd",
  "cache_saving_nano_usd",
] as const;
const EXECUTION_SUMS = [
  "executions",
  "fallbacks",
  "unpriced_executions",
  "cost_nano_usd",
  "cache_saving_nano_usd",
] as const;
const AGENT_SUMS = [
  "executions",
  "errors",
  "fallbacks",
  "unpriced_executions",
  "calls",
  "unpriced_calls",
  "cost_nano_usd",
  "cache_saving_nano_usd",
] as const;

/** @param executionIds of executions that this transaction has inserted, with all their attempts */
export async function rollUp(db: Kysely<Database>, executionIds: readonly string[]): Promise<void> {
  if (executionIds.length > 0) await rollUpWhere(db, sql`execution_id = any(${executionIds}::text[])`);
}

type Sql = RawBuilder<unknown>;

/** @param isNew picks rows of executions and attempts alike; none of them may be in the rollups already */
export async function rollUpWhere(db: Kysely<Database>, isNew: Sql): Promise<void> {
  await sql`with made as materialized (${attemptsWhere(isNew)}),
    ended as materialized (${executionsWhere(isNew)}),
    attempts_added as (${ADD_ATTEMPTS}),
    latencies_added as (${ADD_LATENCIES}),
    executions_added as (${ADD_EXECUTIONS}),
    scores_added as (${ADD_SCORES}),
    ${PLACED_AGENTS}
    ${ADD_AGENTS}`.execute(db);
}

const HOUR = sql`date_trunc('hour', created_at, 'UTC') as hour`;

/** Of an attempt: it failed by the provider's doing. In literals, as the index of failures has it. */
export const IS_FAILURE = sql<boolean>`outcome not in (${sql.join(NO_FAILURES.map((outcome) => sql.lit(outcome)))})`;

/** The attempts; of each also what came next, hedges aside. */
const attemptsWhere = (isNew: Sql) => sql`
  select *, ${HOUR}, price_status = 'UNKNOWN' as unpriced,
    lead(kind) over (partition by execution_id, kind = 'hedge' order by attempt) as next_kind
  from ai_analytics where ${isNew}`;

/** The executions; of each also what its attempts come to. */
const executionsWhere = (isNew: Sql) => sql`
  select *, ${HOUR}, price_status = 'UNKNOWN' as unpriced
  from orchestration_executions left join (
    select execution_id, count(*) as calls, count(*) filter (where unpriced) as unpriced_calls,
      bool_or(kind = 'fallback') as fell_back
    from made group by 1) as called using (execution_id)
  where ${isNew}`;

/** A failed attempt is a fallback's reason when the next one asks another target. */
const ADD_ATTEMPTS = sql`
  insert into attempt_rollups as r (hour, provider, model, tier, outcome, ${columns(ATTEMPT_SUMS)})
  select hour, provider, model, tier, outcome, count(*),
    count(*) filter (where next_kind = 'fallback' and ${IS_FAILURE}),
    count(*) filter (where kind = 'hedge'),
    count(*) filter (where fresh_input_tokens + cached_input_tokens + cache_write_tokens > 0),
    count(*) filter (where cached_input_tokens > 0), count(*) filter (where unpriced),
    sum(fresh_input_tokens), sum(cached_input_tokens), sum(cache_write_tokens), sum(output_tokens),
    sum(cost_nano_usd), sum(cache_saving_nano_usd)
  from made group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5
  on conflict (hour, provider, model, tier, outcome) do update set ${added(ATTEMPT_SUMS)}`;

const ADD_LATENCIES = sql`
  insert into latency_rollups as r (hour, provider, model, tier, measure, bucket, count)
  select hour, provider, model, tier, measure,
    least(ceil(${sql.lit(BUCKETS_PER_DOUBLING)} * ln(greatest(ms, 1)) / ln(2::double precision)), ${sql.lit(LAST_BUCKET)}),
    count(*)
  from made cross join lateral (values
    ('latency', case when outcome = 'ok' then latency_ms end), ('first_token', ttft_ms)) as measured (measure, ms)
  where ms is not null group by 1, 2, 3, 4, 5, 6 order by 1, 2, 3, 4, 5, 6
  on conflict (hour, provider, model, tier, measure, bucket) do update set count = r.count + excluded.count`;

const ADD_EXECUTIONS = sql`
  insert into execution_rollups as r (hour, tier, provider, model, status, ${columns(EXECUTION_SUMS)})
  select hour, tier, provider, model, status, count(*), count(*) filter (where fell_back),
    count(*) filter (where unpriced), sum(cost_nano_usd), sum(cache_saving_nano_usd)
  from ended group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5
  on conflict (hour, tier, provider, model, status) do update set ${added(EXECUTION_SUMS)}`;

/** Agents that have a row in the hour keep it; new ones get one while there is room, those first that call the most. */
const PLACED_AGENTS = sql`
  agent as (
    select hour, agent_id, count(*) as executions,
      count(*) filter (where status in ('failed', 'deadline_exceeded')) as errors,
      count(*) filter (where fell_back) as fallbacks, count(*) filter (where unpriced) as unpriced_executions,
      coalesce(sum(calls), 0) as calls, coalesce(sum(unpriced_calls), 0) as unpriced_calls,
      sum(cost_nano_usd) as cost_nano_usd, sum(cache_saving_nano_usd) as cache_saving_nano_usd
    from ended group by 1, 2),
  named_already as materialized (
    select hour, agent_id from agent_rollups where hour in (select hour from agent) and named),
  placed as (
    select agent.*, n.agent_id is not null or ${sql.lit(MOST_AGENTS_AN_HOUR)} >=
        coalesce(taken, 0)
        + row_number() over (partition by agent.hour, n.agent_id is not null order by executions desc, agent.agent_id)
      as named
    from agent left join named_already n on n.hour = agent.hour and n.agent_id = agent.agent_id
    left join (select hour, count(*) as taken from named_already group by 1) as room on room.hour = agent.hour)`;

const ADD_AGENTS = sql`
  insert into agent_rollups as r (hour, named, agent_id, ${columns(AGENT_SUMS)})
  select hour, named, case when named then agent_id else '' end, ${summed(AGENT_SUMS)}
  from placed group by 1, 2, 3 order by 1, 2, 3
  on conflict (hour, named, agent_id) do update set ${added(AGENT_SUMS)}`;

/** By tenths; `numeric`, because 2.3 times ten is 22.999999999999996 in floats. */
const ADD_SCORES = sql`
  insert into score_rollups as r (hour, bucket, executions)
  select hour, floor(effective_score::numeric * 10), count(*)
  from ended group by 1, 2 order by 1, 2
  on conflict (hour, bucket) do update set executions = r.executions + excluded.executions`;

/** Declared as functions: the statements above are made of them when this file is loaded. */
function columns(names: readonly string[]): Sql {
  return sql.join(names.map((name) => sql.ref(name)));
}

function summed(names: readonly string[]): Sql {
  return sql.join(names.map((name) => sql`sum(${sql.ref(name)})`));
}

function added(names: readonly string[]): Sql {
  return sql.join(
    names.map((name) => sql`${sql.ref(name)} = r.${sql.ref(name)} + excluded.${sql.ref(name)}`),
  );
}
