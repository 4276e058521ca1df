/** Deletes executions that are older than they are to be kept, with what belongs to them. Hourly sums and budgets stay. */
import { type Kysely, sql } from "kysely";
import type { Database } from "./tables.ts";

/** Tables that lose rows. */
export const RETAINED_TABLES = ["orchestration_executions", "ai_analytics", "feedback"] as const;
export type RetainedTable = (typeof RETAINED_TABLES)[number];

/** How many rows went; undefined: another replica was at it. */
export type Deleted = Readonly<Record<RetainedTable, number>> | undefined;

/** Any number will do, as long as it is the same in every replica and every release and not that of the migrations. */
const LOCK = 7_308_332_045_297_544_563n;

type Row = Readonly<{ is_ours: boolean } & Record<RetainedTable, number>>;

/**
 * Deletes the oldest executions, at most so many, and their attempts and feedback; then, with what is left of the number, feedback
 * of which no execution came. What was learned of agents goes once nothing was learned for as long. One statement, which holds a
 * lock so that of several replicas one deletes at a time, and that goes with it. The time is the database's own.
 * @param keptDays from 1
 * @param limit of executions; with their attempts and feedback it comes to two to four times as many rows
 */
export async function deleteOld(db: Kysely<Database>, keptDays: number, limit: number): Promise<Deleted> {
  const { rows } = await sql<Row>`with
    turn as materialized (select pg_try_advisory_xact_lock(${LOCK}) as is_ours),
    old as materialized (
      select execution_id from orchestration_executions
      where created_at < ${since(keptDays)} and (select is_ours from turn)
      order by created_at limit ${limit}),
    unclaimed as materialized (
      select f.execution_id, f.feedback_id from feedback f
      where f.created_at < ${since(keptDays)} and (select is_ours from turn)
        and not exists (select from orchestration_executions e where e.execution_id = f.execution_id)
      order by f.created_at limit ${limit}::bigint - (select count(*) from old)),
    attempts as (
      delete from ai_analytics a using old where a.execution_id = old.execution_id returning 1),
    said as (
      delete from feedback f using old where f.execution_id = old.execution_id returning 1),
    unclaimed_said as (
      delete from feedback f using unclaimed u
      where f.execution_id = u.execution_id and f.feedback_id = u.feedback_id returning 1),
    forgotten as (
      delete from agent_scores where updated_at < ${since(keptDays)} and (select is_ours from turn)),
    executions as (
      delete from orchestration_executions e using old where e.execution_id = old.execution_id returning 1)
    select turn.is_ours, (select count(*) from executions)::int as orchestration_executions,
      (select count(*) from attempts)::int as ai_analytics,
      ((select count(*) from said) + (select count(*) from unclaimed_said))::int as feedback
    from turn`.execute(db);
  const [row] = rows;
  if (row?.is_ours !== true) return undefined;
  const { is_ours: _, ...deleted } = row;
  return deleted;
}

const since = (keptDays: number) => sql`now() - ${keptDays}::int * interval '1 day'`;
