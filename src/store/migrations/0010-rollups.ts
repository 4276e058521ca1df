import type { Migration } from "./migrate.ts";

/**
 * Sums by the hour (UTC) in which an attempt or an execution began; see "Rollups" in the README. What was recorded before
 * is counted here, once; its agents are not cut to a number, because it is there already.
 */
export const rollups: Migration = {
  name: "0010-rollups",
  statements: [
    `create table attempt_rollups (
      hour timestamptz not null,
      provider text not null,
      model text not null,
      tier text not null,
      outcome text not null,
      calls bigint not null,
      fallbacks bigint not null,
      hedges bigint not null,
      calls_with_input bigint not null,
      cache_hits bigint not null,
      unpriced_calls bigint not null,
      fresh_input_tokens bigint not null,
      cached_input_tokens bigint not null,
      cache_write_tokens bigint not null,
      output_tokens bigint not null,
      cost_nano_usd bigint not null,
      cache_saving_nano_usd bigint not null,
      primary key (hour, provider, model, tier, outcome)
    )`,
    `create table latency_rollups (
      hour timestamptz not null,
      provider text not null,
      model text not null,
      tier text not null,
      measure text not null,
      bucket smallint not null,
      count bigint not null,
      primary key (hour, provider, model, tier, measure, bucket)
    )`,
    `create table execution_rollups (
      hour timestamptz not null,
      tier text not null,
      provider text not null,
      model text not null,
      status text not null,
      executions bigint not null,
      fallbacks bigint not null,
      unpriced_executions bigint not null,
      cost_nano_usd bigint not null,
      cache_saving_nano_usd bigint not null,
      primary key (hour, tier, provider, model, status)
    )`,
    `create table agent_rollups (
      hour timestamptz not null,
      named boolean not null,
      agent_id text not null,
      executions bigint not null,
      errors bigint not null,
      fallbacks bigint not null,
      unpriced_executions bigint not null,
      calls bigint not null,
      unpriced_calls bigint not null,
      cost_nano_usd bigint not null,
      cache_saving_nano_usd bigint not null,
      primary key (hour, named, agent_id)
    )`,
    `create table score_rollups (
      hour timestamptz not null,
      bucket smallint not null,
      executions bigint not null,
      primary key (hour, bucket)
    )`,
    `insert into attempt_rollups
      select date_trunc('hour', created_at, 'UTC'), provider, model, tier, outcome, count(*), 0, 0,
        count(*) filter (where fresh_input_tokens + cached_input_tokens + cache_write_tokens > 0),
        count(*) filter (where cached_input_tokens > 0), count(*) filter (where price_status = 'UNKNOWN'),
        sum(fresh_input_tokens), sum(cached_input_tokens), sum(cache_write_tokens), sum(output_tokens),
        sum(cost_nano_usd), sum(cache_saving_nano_usd)
      from ai_analytics group by 1, 2, 3, 4, 5`,
    `insert into latency_rollups
      select date_trunc('hour', created_at, 'UTC'), provider, model, tier, measure,
        least(ceil(8 * ln(greatest(ms, 1)) / ln(2::double precision)), 160), count(*)
      from ai_analytics cross join lateral (values
        ('latency', case when outcome = 'ok' then latency_ms end), ('first_token', ttft_ms)) as measured (measure, ms)
      where ms is not null group by 1, 2, 3, 4, 5, 6`,
    `insert into execution_rollups
      select date_trunc('hour', created_at, 'UTC'), tier, provider, model, status, count(*), 0,
        count(*) filter (where price_status = 'UNKNOWN'), sum(cost_nano_usd), sum(cache_saving_nano_usd)
      from orchestration_executions group by 1, 2, 3, 4, 5`,
    `insert into agent_rollups
      select date_trunc('hour', e.created_at, 'UTC'), true, e.agent_id, count(*),
        count(*) filter (where e.status in ('failed', 'deadline_exceeded')), 0,
        count(*) filter (where e.price_status = 'UNKNOWN'), coalesce(sum(a.calls), 0), coalesce(sum(a.unpriced), 0),
        sum(e.cost_nano_usd), sum(e.cache_saving_nano_usd)
      from orchestration_executions e left join (
        select execution_id, count(*) as calls, count(*) filter (where price_status = 'UNKNOWN') as unpriced
        from ai_analytics group by 1) a using (execution_id)
      group by 1, 2, 3`,
    `insert into score_rollups
      select date_trunc('hour', created_at, 'UTC'), floor(effective_score::numeric * 10), count(*)
      from orchestration_executions group by 1, 2`,
  ],
};
