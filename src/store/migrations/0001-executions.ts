import type { Migration } from "./migrate.ts";

/**
 * What one call used and cost, the same in both tables. `cost_usd` multiplies where a division would round: a bigint of
 * nano-USD divided by 1e9 needs up to 19 digits and gets 16. It is null where nothing of the cost is known.
 */
const usageColumns = `
  fresh_input_tokens integer not null check (fresh_input_tokens >= 0),
  cached_input_tokens integer not null check (cached_input_tokens >= 0),
  cache_write_tokens integer not null check (cache_write_tokens >= 0),
  output_tokens integer not null check (output_tokens >= 0),
  reasoning_tokens integer check (reasoning_tokens >= 0),
  usage_source text not null check (usage_source in ('REPORTED', 'PARTIAL', 'ESTIMATED', 'UNKNOWN')),
  cost_nano_usd bigint not null check (cost_nano_usd >= 0),
  cost_usd numeric generated always as (
    case when price_status = 'KNOWN' or cost_nano_usd > 0 then cost_nano_usd * 0.000000001 end
  ) stored,
  price_status text not null check (price_status in ('KNOWN', 'UNKNOWN')),
  latency_ms double precision not null check (latency_ms >= 0),
  ttft_ms double precision check (ttft_ms >= 0),
  created_at timestamptz not null`;

/** Inserts name no key, so that partitioning by day can put `created_at` into the keys without touching them. */
export const executions: Migration = {
  name: "0001-executions",
  statements: [
    `create table orchestration_executions (
      execution_id text primary key,
      agent_id text not null,
      session_id text not null,
      user_tier text not null,
      intent text not null,
      decision_id text not null,
      tier text not null check (tier in ('fast', 'balanced', 'powerful')),
      provider text not null,
      model text not null,
      effective_score double precision not null check (effective_score between 0 and 10),
      agent_score double precision not null check (agent_score between 0 and 10),
      step_score double precision check (step_score between 0 and 10),
      factors jsonb not null,
      causes jsonb not null,
      config_version bigint not null check (config_version >= 0),
      preset text not null,
      scorer text not null,
      status text not null check (status in ('ok', 'failed', 'cancelled', 'deadline_exceeded')),
      failure_reason text,
      finish_reason text,
      labels jsonb not null,
      sandbox boolean not null,
      ${usageColumns}
    )`,
    "create index orchestration_executions_by_time on orchestration_executions (created_at)",
    "create index orchestration_executions_by_agent on orchestration_executions (agent_id, created_at)",
    `create table ai_analytics (
      execution_id text not null,
      attempt integer not null check (attempt >= 1),
      provider text not null,
      model text not null,
      tier text not null check (tier in ('fast', 'balanced', 'powerful')),
      outcome text not null,
      price_version text,
      ${usageColumns},
      primary key (execution_id, attempt)
    )`,
    "create index ai_analytics_by_time on ai_analytics (created_at)",
  ],
};
