import type { Migration } from "./migrate.ts";

/**
 * Experiments with what they have shown, and the units that were drawn into their arms. A unit is written with the first of its calls and
 * counts once, after its time; then what it shows is written with its mark. One experiment runs at a time.
 */
export const experiments: Migration = {
  name: "0017-experiments",
  statements: [
    `create table experiments (
      experiment_id text primary key,
      number bigint generated always as identity,
      definition jsonb not null,
      state jsonb not null,
      status text not null,
      unit_window_ms bigint not null,
      feedback_wait_ms bigint not null,
      started_at timestamptz not null default now(),
      stopped_at timestamptz
    )`,
    "create unique index experiments_by_number on experiments (number)",
    "create unique index experiments_running on experiments (status) where status = 'running'",
    `create table experiment_units (
      experiment_id text not null,
      unit text not null,
      arm text not null,
      split integer not null,
      first_at timestamptz not null,
      closes_at timestamptz not null,
      counted boolean not null default false,
      primary key (experiment_id, unit)
    )`,
    "create index experiment_units_waiting on experiment_units (closes_at) where not counted",
    `create index orchestration_executions_by_unit on orchestration_executions
       ((decision #>> '{experiment,id}'), (decision #>> '{experiment,unit}'), created_at)
       where (decision #>> '{experiment,id}') is not null`,
    `create index orchestration_executions_by_experiment on orchestration_executions
       ((decision #>> '{experiment,id}'), created_at, execution_id)
       where (decision #>> '{experiment,id}') is not null`,
    "create index audit_log_by_subject on audit_log (subject, entry_id)",
  ],
};
