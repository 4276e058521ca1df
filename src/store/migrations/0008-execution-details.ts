import type { Migration } from "./migrate.ts";

/**
 * What explains an execution in full, and indexes for the filters of its list. `decision` holds what has no column of its
 * own. Rows of the release before have nulls there, and are shown with what they have.
 */
export const executionDetails: Migration = {
  name: "0008-execution-details",
  statements: [
    "alter table orchestration_executions add column decision jsonb",
    "alter table ai_analytics add column kind text",
    "alter table ai_analytics add column headers_ms double precision",
    `create index orchestration_executions_by_session on orchestration_executions (session_id, created_at)
      where session_id <> ''`,
    "create index orchestration_executions_by_target on orchestration_executions (provider, model, created_at)",
    `create index orchestration_executions_by_failure on orchestration_executions (status, created_at)
      where status <> 'ok'`,
    "create index orchestration_executions_by_cost on orchestration_executions (cost_nano_usd)",
    "create index orchestration_executions_by_label on orchestration_executions using gin (labels jsonb_path_ops)",
    `create index ai_analytics_failures on ai_analytics (provider, created_at)
      where outcome not in ('ok', 'cancelled', 'deadline_exceeded', 'diverged', 'hedged_out')`,
  ],
};
