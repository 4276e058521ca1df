import type { Migration } from "./migrate.ts";

/**
 * Where a version comes from, who changed what for everyone, and what an execution was scored on: numbers and words, never a prompt.
 * The inputs are null in rows of an earlier release.
 */
export const configHistory: Migration = {
  name: "0007-config-history",
  statements: [
    "alter table orchestration_config_versions add column based_on bigint not null default 0",
    "alter table orchestration_config_versions add column rolled_back_to bigint",
    `create table audit_log (
      entry_id bigint generated always as identity primary key,
      action text not null,
      author text not null,
      subject text not null,
      detail jsonb not null,
      created_at timestamptz not null default now()
    )`,
    "create index audit_log_by_time on audit_log (created_at)",
    "alter table orchestration_executions add column scoring_inputs jsonb",
  ],
};
