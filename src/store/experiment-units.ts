/** Queries on experiment_units: who was drawn into which arm, and what the calls of a unit come to. */
import { type Kysely, sql } from "kysely";
import type { UnitValues } from "../experiments/statistics/question.ts";
import { impliedSuccess, kindOf, SAID } from "./agent-outcomes.ts";
import type { ExecutionStatus } from "./records.ts";
import type { Database } from "./tables.ts";

/** Whether the text of an execution's row may speak of an experiment; most do not, and cost no statement. */
export const mentionsExperiment = (execution: string): boolean => execution.includes('"experiment":{"id":');

/**
 * Notes the units of new executions, which are in the table or will be with this transaction. A unit stays in the arm of the first call
 * that is written. What was drawn before the experiment stopped counts all the same.
 */
export async function noteUnits(db: Kysely<Database>, executionIds: readonly string[]): Promise<void> {
  if (executionIds.length === 0) return;
  await sql`insert into experiment_units (experiment_id, unit, arm, split, first_at, closes_at)
    select distinct on (x.experiment_id, e.decision #>> '{experiment,unit}')
      x.experiment_id, e.decision #>> '{experiment,unit}', e.decision #>> '{experiment,arm}', (e.decision #>> '{experiment,split}')::int, e.created_at,
      greatest(e.created_at + make_interval(secs => x.unit_window_ms / 1000.0), now())
        + make_interval(secs => x.feedback_wait_ms / 1000.0)
    from orchestration_executions e join experiments x on x.experiment_id = e.decision #>> '{experiment,id}'
    where e.execution_id = any(${executionIds}::text[])
    order by x.experiment_id, e.decision #>> '{experiment,unit}', e.created_at
    on conflict do nothing`.execute(db);
}

/** A unit whose time is over. */
export type ClosedUnit = Readonly<{ experimentId: string; unit: string; arm: string; split: number }> &
  Readonly<{ values: UnitValues }>;

/** Which experiments have units whose time is over. */
export async function listDue(db: Kysely<Database>): Promise<readonly string[]> {
  const rows = await db
    .selectFrom("experiment_units")
    .select("experiment_id")
    .distinct()
    .where(sql<boolean>`not counted and closes_at <= now()`)
    .execute();
  return rows.map(({ experiment_id: experimentId }) => experimentId);
}

type Row = Readonly<{
  unit: string;
  arm: string;
  split: number;
  /** Null, this and all that follows: the unit's executions are not there any more. */
  status: ExecutionStatus | null;
  finish_reason: string | null;
  is_repeated: boolean;
  said: number | null;
  quality: number | null;
  /** Null: its price is not known. */
  cost_nano_usd: number | null;
  latency_ms: number | null;
  ttft_ms: number | null;
  is_fallback: boolean | null;
}>;

/** Takes units of an experiment whose time is over, the oldest first: with the transaction they are counted. */
export async function takeClosedUnits(
  tx: Kysely<Database>,
  experimentId: string,
  most: number,
): Promise<readonly ClosedUnit[]> {
  const { rows } = await sql<Row>`with
    due as materialized (
      select unit from experiment_units
      where experiment_id = ${experimentId} and not counted and closes_at <= now() order by closes_at limit ${most}),
    taken as materialized (
      update experiment_units u set counted = true from due
      where u.experiment_id = ${experimentId} and u.unit = due.unit
      returning u.unit, u.arm, u.split, u.first_at, u.closes_at)
    select taken.unit, taken.arm, taken.split, e.status, e.finish_reason, coalesce(next.failures, 0) > 0 as is_repeated,
      said.said, said.quality, case when e.price_status = 'KNOWN' then e.cost_nano_usd end::double precision as cost_nano_usd,
      e.latency_ms, e.ttft_ms,
      (e.decision #>> '{targets,0,provider}', e.decision #>> '{targets,0,model}') <> (e.provider, e.model) as is_fallback
    from taken
    join experiments x on x.experiment_id = ${experimentId}
    left join orchestration_executions e on e.decision #>> '{experiment,id}' = ${experimentId}
      and e.decision #>> '{experiment,unit}' = taken.unit and e.decision #>> '{experiment,arm}' = taken.arm
      and e.created_at between taken.first_at and taken.first_at + make_interval(secs => x.unit_window_ms / 1000.0)
    left join lateral (
      select avg(${SAID})::double precision as said, avg((f.quality - 1) / 4.0)::double precision as quality
      from feedback f where f.execution_id = e.execution_id) as said on true
    left join lateral (
      select (n.scoring_inputs ->> 'failures')::int as failures from orchestration_executions n
      where n.session_id = e.session_id and n.session_id <> '' and n.agent_id = e.agent_id
        and n.created_at > e.created_at and ${kindOf("n")} = ${kindOf("e")}
      order by n.created_at limit 1) as next on true
    order by taken.closes_at, taken.unit`.execute(tx);
  const byUnit = new Map<string, Row[]>();
  for (const row of rows) {
    const known = byUnit.get(row.unit);
    if (known === undefined) byUnit.set(row.unit, [row]);
    else known.push(row);
  }
  return [...byUnit].flatMap(([unit, calls]) => {
    const [first] = calls;
    if (first === undefined) return [];
    return { experimentId, unit, arm: first.arm, split: first.split, values: valuesOf(calls) };
  });
}

/** The means over the calls that have something to say. */
function valuesOf(calls: readonly Row[]): UnitValues {
  return present({
    success: meanOf(calls.map(successOf)),
    quality: meanOf(calls.map(({ quality }) => quality)),
    fallbackRate: meanOf(calls.map(({ is_fallback }) => (is_fallback === null ? null : Number(is_fallback)))),
    costNanoUsd: meanOf(calls.map(({ cost_nano_usd }) => cost_nano_usd)),
    latencyMs: meanOf(calls.map(({ latency_ms }) => latency_ms)),
    firstTokenMs: meanOf(calls.map(({ ttft_ms }) => ttft_ms)),
  });
}

/**
 * What was said counts; else what became of the call. Unlike for a tier, a call that failed or was late is a failure of its arm: the
 * arm chose its targets. One that its caller cancelled says nothing.
 */
function successOf({ said, status, finish_reason, is_repeated }: Row): number | null | undefined {
  if (said !== null) return said;
  if (status === "failed" || status === "deadline_exceeded") return 0;
  return status === null ? null : impliedSuccess({ status, finish_reason, is_repeated });
}

function meanOf(values: readonly (number | null | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== null && value !== undefined);
  return known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0) / known.length;
}

const present = (values: { [K in keyof UnitValues]: UnitValues[K] | undefined }): UnitValues =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

/** Units that began and do not count yet, by arm. */
export async function countWaiting(
  db: Kysely<Database>,
  experimentId: string,
): Promise<ReadonlyMap<string, number>> {
  const { rows } = await sql<{ arm: string; units: number }>`select arm, count(*)::int as units
    from experiment_units where experiment_id = ${experimentId} and not counted group by arm`.execute(db);
  return new Map(rows.map(({ arm, units }) => [arm, units]));
}

/** Units of experiments that ended a week ago: no call of theirs can still be on its way. @returns how many went */
export async function deleteSpentUnits(db: Kysely<Database>, most: number): Promise<number> {
  const { numAffectedRows } = await sql`delete from experiment_units where (experiment_id, unit) in (
    select u.experiment_id, u.unit from experiment_units u join experiments x using (experiment_id)
    where x.status = 'stopped' and u.counted and u.closes_at < now() - interval '7 days' limit ${most})`.execute(
    db,
  );
  return Number(numAffectedRows ?? 0n);
}
