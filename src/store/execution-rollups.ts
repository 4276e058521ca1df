/** What executions come to: queries on execution_rollups, agent_rollups and score_rollups. Windows are whole hours. */
import { type Kysely, sql } from "kysely";
import type { Window } from "../analytics/calendar.ts";
import type { ServedTarget } from "../analytics/distribution.ts";
import type { HourTotals, Totals } from "../analytics/totals.ts";
import type { Database } from "./tables.ts";

/** In any order; an hour in which nothing happened has no row. */
export async function listHourTotals(
  db: Kysely<Database>,
  { from, to }: Window,
): Promise<readonly HourTotals[]> {
  const { rows } = await sql<Totals & { hour: Date }>`
    select hour, ${EXECUTION_TOTALS} from execution_rollups
    where hour >= ${from} and hour < ${to} group by hour`.execute(db);
  return rows.map(({ hour, ...totals }) => ({ hour, totals }));
}

/** The first hour in which an execution began; undefined when there was none. */
export async function findFirstHour(db: Kysely<Database>): Promise<Date | undefined> {
  const { rows } = await sql<{ hour: Date | null }>`select min(hour) as hour from execution_rollups`.execute(
    db,
  );
  return rows[0]?.hour ?? undefined;
}

/** Executions by tier and by the target that served them, the most frequent first. */
export async function listServedTargets(
  db: Kysely<Database>,
  { from, to }: Window,
): Promise<readonly ServedTarget[]> {
  const { rows } = await sql<ServedTarget>`
    select tier, provider, model, sum(executions)::bigint as executions from execution_rollups
    where hour >= ${from} and hour < ${to} group by 1, 2, 3 order by 4 desc, 1, 2, 3`.execute(db);
  return rows;
}

/** Of all executions of the window. */
export async function sumExecutions(db: Kysely<Database>, { from, to }: Window): Promise<Totals> {
  const { rows } = await sql<Totals>`
    select ${EXECUTION_TOTALS} from execution_rollups where hour >= ${from} and hour < ${to}`.execute(db);
  return rows[0] as Totals;
}

export type AgentTotals = Readonly<{ agentId: string; totals: Totals }>;

/** Agents that have rows of their own, the most expensive first. */
export async function listAgentTotals(
  db: Kysely<Database>,
  { from, to }: Window,
  limit: number,
): Promise<readonly AgentTotals[]> {
  const { rows } = await sql<Totals & { agentId: string }>`
    select agent_id as "agentId", sum(executions)::bigint as executions, sum(errors)::bigint as errors, ${COMMON_TOTALS}
    from agent_rollups where hour >= ${from} and hour < ${to} and named
    group by agent_id order by sum(cost_nano_usd) desc, agent_id limit ${limit}`.execute(db);
  return rows.map(({ agentId, ...totals }) => ({ agentId, totals }));
}

/** Executions by tenths of their effective score: the index is the bucket, from 0 to 100. */
export async function listScoreCounts(
  db: Kysely<Database>,
  { from, to }: Window,
): Promise<readonly bigint[]> {
  const { rows } = await sql<{ bucket: number; executions: bigint }>`
    select bucket, sum(executions)::bigint as executions from score_rollups
    where hour >= ${from} and hour < ${to} group by 1`.execute(db);
  const byBucket = new Map(rows.map(({ bucket, executions }) => [bucket, executions]));
  return Array.from({ length: 101 }, (_, bucket) => byBucket.get(bucket) ?? 0n);
}

const COMMON_TOTALS = sql`
  coalesce(sum(fallbacks), 0)::bigint as fallbacks,
  coalesce(sum(unpriced_executions), 0)::bigint as "unpricedExecutions",
  coalesce(sum(cost_nano_usd), 0)::bigint as "costNanoUsd",
  coalesce(sum(cache_saving_nano_usd), 0)::bigint as "cacheSavingNanoUsd"`;
const EXECUTION_TOTALS = sql`
  coalesce(sum(executions), 0)::bigint as executions,
  coalesce(sum(executions) filter (where status in ('failed', 'deadline_exceeded')), 0)::bigint as errors,
  ${COMMON_TOTALS}`;
