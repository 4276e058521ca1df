/** What came of recorded executions, as estimates of quality read it. */
import { type Kysely, sql } from "kysely";
import { impliedSuccess, kindOf } from "./agent-outcomes.ts";
import type { ExecutionStatus } from "./records.ts";
import type { Database } from "./tables.ts";

export type RecordedOutcome = Readonly<{
  /** From 0 to 1: what feedback says, otherwise what the call itself implies. Absent: nothing is known. */
  success?: number;
  /** From 1 to 5, the mean of what was rated. Absent: nobody rated it. */
  quality?: number;
}>;

type Row = Readonly<{
  execution_id: string;
  status: ExecutionStatus;
  finish_reason: string | null;
  success: number | null;
  quality: number | null;
  is_repeated: boolean;
}>;

/** Of those that were answered by the target they were decided for: after a fallback the outcome is not that of the choice. */
export async function listOutcomes(
  db: Kysely<Database>,
  executionIds: readonly string[],
): Promise<ReadonlyMap<string, RecordedOutcome>> {
  const { rows } = await sql<Row>`with
    asked as materialized (
      select e.* from orchestration_executions e where e.execution_id = any(${executionIds}::text[]) and not exists (
        select from ai_analytics a where a.execution_id = e.execution_id
          and (a.provider <> e.provider or a.model <> e.model or a.tier <> e.tier))),
    said as materialized (
      select f.execution_id, avg(f.quality)::double precision as quality,
        avg(coalesce(f.success::int, (f.quality - 1) / 4.0))::double precision as success
      from feedback f where f.execution_id = any(${executionIds}::text[]) group by 1)
    select e.execution_id, e.status, e.finish_reason, said.success, said.quality, coalesce(next.failures, 0) > 0 as is_repeated
    from asked e left join said on said.execution_id = e.execution_id
    left join lateral (
      select (n.scoring_inputs ->> 'failures')::int as failures from orchestration_executions n
      where n.session_id = e.session_id and n.session_id <> '' and n.agent_id = e.agent_id
        and n.created_at > e.created_at and ${kindOf("n")} = ${kindOf("e")}
      order by n.created_at limit 1) as next on e.session_id <> ''`.execute(db);
  return new Map(
    rows.map((row) => {
      const success = row.success ?? impliedSuccess(row);
      return [
        row.execution_id,
        { ...(success !== undefined && { success }), ...(row.quality !== null && { quality: row.quality }) },
      ];
    }),
  );
}
