/** Queries on agent_outcomes: what executions and feedback have to teach of agents. */
import { type Kysely, sql } from "kysely";
import type { Outcome } from "../agent-score/types.ts";
import type { RecordedCalibrated } from "../routing/scoring-inputs.ts";
import type { Tier } from "../routing/types.ts";
import type { ExecutionStatus } from "./records.ts";
import type { Database } from "./tables.ts";

/** Has executions learned from once feedback has had its time. They are in the table, or will be with this transaction. */
export async function noteOutcomes(
  db: Kysely<Database>,
  executionIds: readonly string[],
  waitMs: number,
): Promise<void> {
  if (executionIds.length === 0) return;
  await sql`insert into agent_outcomes (execution_id, feedback_id, due_at)
    select id, '', now() + make_interval(secs => ${waitMs / 1000}::double precision)
    from unnest(${executionIds}::text[]) as given (id)
    on conflict do nothing`.execute(db);
}

export type AgentOutcome = Readonly<{ agentId: string } & Outcome>;

type Row = Readonly<{
  /** Null: the execution is not there any more; nor is then what was said of it. */
  agent_id: string | null;
  tier: Tier;
  step_score: number | null;
  /** What the calibrated scorer made of it; null: it was not what decided. */
  calibrated: RecordedCalibrated | null;
  intent: string;
  status: ExecutionStatus;
  finish_reason: string | null;
  at_ms: number;
  /** Of feedback, from 0 to 1. */
  said: number | null;
  /** The execution itself is learned from, and not only what was said of it since. */
  is_first: boolean;
  /** The next call of the session for the same kind of step says that this one failed. */
  is_repeated: boolean;
}>;

/** Not a kind of step. */
const UNNAMED: readonly string[] = ["unspecified", "unknown", ""];

/**
 * Takes the outcomes that are due, those of at most so many executions, the oldest first: with the transaction they are gone.
 * @returns those that teach something, and of how many executions any were taken
 */
export async function takeOutcomes(
  db: Kysely<Database>,
  most: number,
): Promise<Readonly<{ outcomes: readonly AgentOutcome[]; taken: number }>> {
  const { rows } = await sql<Row & { taken: number }>`with
    due as materialized (
      select distinct execution_id from (
        select execution_id from agent_outcomes where due_at <= now() order by due_at limit ${most}) as oldest),
    gone as (
      delete from agent_outcomes o using due where o.execution_id = due.execution_id
      returning o.execution_id, o.feedback_id),
    taken as materialized (
      select execution_id, bool_or(feedback_id = '') as is_first from gone group by 1),
    said as materialized (
      select taken.execution_id, avg(${SAID})::double precision as said
      from taken join feedback f on f.execution_id = taken.execution_id
      where is_first or exists (
        select from gone where gone.execution_id = f.execution_id and gone.feedback_id = f.feedback_id)
      group by 1)
    select e.agent_id, coalesce(served.tier, e.tier) as tier, e.step_score,
      case when e.scorer like 'calibrated@%' then e.scoring_inputs -> 'calibrated' end as calibrated, ${kindOf("e")} as intent, e.status, e.finish_reason,
      extract(epoch from e.created_at)::double precision * 1000 as at_ms, said.said, taken.is_first,
      coalesce(next.failures, 0) > 0 as is_repeated, (select count(*)::int from taken) as taken
    from taken left join orchestration_executions e on e.execution_id = taken.execution_id
    left join said on said.execution_id = taken.execution_id
    left join lateral (
      select a.tier from ai_analytics a where a.execution_id = e.execution_id and a.outcome = 'ok'
      order by a.attempt desc limit 1) as served on true
    left join lateral (
      select (n.scoring_inputs ->> 'failures')::int as failures from orchestration_executions n
      where n.session_id = e.session_id and n.session_id <> '' and n.agent_id = e.agent_id
        and n.created_at > e.created_at and ${kindOf("n")} = ${kindOf("e")}
      order by n.created_at limit 1) as next on true
    order by e.created_at, e.execution_id`.execute(db);
  return { taken: rows[0]?.taken ?? 0, outcomes: rows.flatMap(outcomesOf) };
}

/** One piece of feedback from 0 to 1; null: it says neither how good nor whether it did. */
export const SAID = sql`coalesce((f.quality - 1) / 4.0, case when f.success then 1.0 when not f.success then 0.0 end)`;

/** What kind of step was scored; in rows from before that was kept, the request's intent. */
export function kindOf(table: "e" | "n") {
  return sql`coalesce(${sql.ref(`${table}.scoring_inputs`)} ->> 'type', ${sql.ref(`${table}.intent`)})`;
}

function outcomesOf(row: Row): AgentOutcome[] {
  const quality = qualityOf(row);
  if (quality === undefined || row.agent_id === null) return [];
  return [
    {
      agentId: row.agent_id,
      tier: row.tier,
      quality,
      atMs: row.at_ms,
      ...(row.step_score !== null && { step: row.step_score }),
      ...forecastOf(row.calibrated),
      ...(!UNNAMED.includes(row.intent) && { intent: row.intent }),
    },
  ];
}

function forecastOf(calibrated: RecordedCalibrated | null): Pick<Outcome, "forecast"> {
  const [, , difficulty, benefit, signs = []] = calibrated ?? [];
  return difficulty === undefined || benefit === undefined
    ? {}
    : { forecast: { difficulty, benefit, signs } };
}

/**
 * What was said counts. Where nothing was, an answer is one that did what it was for unless it was a refusal or the caller comes back
 * with the same step as failed. A call that failed, was cancelled or was cut at its output limit says nothing of the tier.
 */
function qualityOf({ said, is_first, is_repeated, status, finish_reason }: Row): number | undefined {
  if (said !== null) return said;
  return is_first ? impliedSuccess({ status, finish_reason, is_repeated }) : undefined;
}

/** Of a call of which nothing was said. */
export function impliedSuccess({
  status,
  finish_reason,
  is_repeated,
}: Pick<Row, "status" | "finish_reason" | "is_repeated">): 0 | 1 | undefined {
  if (status !== "ok") return undefined;
  if (finish_reason === "content_filter") return 0;
  if (finish_reason === "length") return undefined;
  return is_repeated ? 0 : 1;
}
