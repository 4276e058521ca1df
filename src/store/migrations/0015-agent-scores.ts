import type { Migration } from "./migrate.ts";

/**
 * What was learned of agents, of each and of all together, and the outcomes that wait to be learned: those of an execution (its
 * `feedback_id` is "") and of feedback that came after. They are written with what they are about and deleted with what they
 * teach, so each counts once; see "Agents' scores" in the README.
 */
export const agentScores: Migration = {
  name: "0015-agent-scores",
  statements: [
    `create table agent_scores (
      agent_id text primary key,
      state jsonb not null,
      updated_at timestamptz not null default now()
    )`,
    "create index agent_scores_by_time on agent_scores (updated_at)",
    `create table fleet_scores (
      is_only boolean primary key default true check (is_only),
      state jsonb not null,
      updated_at timestamptz not null default now()
    )`,
    `create table agent_outcomes (
      execution_id text not null,
      feedback_id text not null,
      due_at timestamptz not null,
      primary key (execution_id, feedback_id)
    )`,
    "create index agent_outcomes_by_time on agent_outcomes (due_at)",
  ],
};
