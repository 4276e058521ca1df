/** Queries on feedback. */
import { type Kysely, type Selectable, sql } from "kysely";
import { storable } from "./insert.ts";
import type { Database, FeedbackTable } from "./tables.ts";

export type StoredFeedback = Selectable<FeedbackTable>;

export type NewFeedback = Readonly<{
  executionId: string;
  feedbackId: string;
  /** From 1 to 5; absent: not said. */
  quality?: number;
  success?: boolean;
  /** May be "". Never logged. */
  comment: string;
}>;

/**
 * `other`: the id is that of feedback that says something else. `unknown`: there is no such execution of this caller, and none is
 * expected.
 */
export type FeedbackResult = "recorded" | "already_recorded" | "other" | "unknown";

export type FeedbackFrom = Readonly<{
  /** Whose executions it may be about; absent: everybody's. */
  owner?: string | undefined;
  /** Of the id of an execution that is not in the database: whether it may be on its way. Nobody knows whose that is. */
  isExpected(executionId: string): boolean;
  /** After which time what is said is learned from; absent: it is not. */
  outcomeWaitMs?: number | undefined;
}>;

/**
 * Writes what is not there yet and may be said; what is there stays as it is. One statement, and a second where some was there.
 * @returns one result a piece, in order
 */
export async function insertFeedback(
  db: Kysely<Database>,
  given: readonly NewFeedback[],
  from: FeedbackFrom,
): Promise<readonly FeedbackResult[]> {
  const first = new Map<string, NewFeedback>();
  for (const one of given) if (!first.has(keyOf(one))) first.set(keyOf(one), one);
  const written = await insertFirst(db, [...first.values()], from);
  const rest = [...first].filter(([key]) => written.get(key) === "there").map(([, one]) => one);
  const there = await findFeedback(db, rest);
  return given.map((one) => {
    const key = keyOf(one);
    const became = written.get(key);
    if (became === undefined) return "unknown";
    if (became === "recorded" && first.get(key) === one) return "recorded";
    return isSame(one, became === "recorded" ? first.get(key) : there.get(key))
      ? "already_recorded"
      : "other";
  });
}

/** JSON: ids may hold any character. */
const keyOf = ({ executionId, feedbackId }: Pick<NewFeedback, "executionId" | "feedbackId">): string =>
  JSON.stringify([executionId, feedbackId]);

type Said = Pick<NewFeedback, "quality" | "success" | "comment">;
const isSame = (one: Said, other: Said | undefined): boolean =>
  other !== undefined &&
  one.quality === other.quality &&
  one.success === other.success &&
  one.comment === other.comment;

/** @returns what became of each by its key; those that may not be said are not in it */
async function insertFirst(
  db: Kysely<Database>,
  given: readonly NewFeedback[],
  from: FeedbackFrom,
): Promise<ReadonlyMap<string, "recorded" | "there">> {
  if (given.length === 0) return new Map();
  const owner = from.owner ?? null;
  const rows = given.map((one, position) => ({
    ...one,
    position,
    expected: from.isExpected(one.executionId),
  }));
  const result = await sql<{ position: number; is_new: boolean }>`with given as materialized (
      select * from json_to_recordset(${storable(JSON.stringify(rows))}::json) as r (
        position int, "executionId" text, "feedbackId" text, quality smallint, success boolean, comment text, expected boolean)),
    allowed as materialized (
      select given.* from given left join orchestration_executions e on e.execution_id = "executionId"
      where case when e.execution_id is null then expected else ${owner}::text is null or e.key_id = ${owner}::text end),
    written as (
      insert into feedback (execution_id, feedback_id, quality, success, comment)
      select "executionId", "feedbackId", quality, success, comment from allowed order by 1, 2
      on conflict do nothing returning execution_id, feedback_id, quality, success)
    ${noteSaid(from.outcomeWaitMs)}
    select position, execution_id is not null as is_new
    from allowed left join written on execution_id = "executionId" and feedback_id = "feedbackId"`.execute(
    db,
  );
  return new Map(
    result.rows.map(({ position, is_new }) => {
      return [keyOf(given[position] as NewFeedback), is_new ? "recorded" : "there"];
    }),
  );
}

/** What is said of an execution that is not written yet is learned with the execution. */
const noteSaid = (waitMs: number | undefined) =>
  waitMs === undefined
    ? sql``
    : sql`, noted as (
      insert into agent_outcomes (execution_id, feedback_id, due_at)
      select execution_id, feedback_id, now() + make_interval(secs => ${waitMs / 1000}::double precision)
      from written join orchestration_executions using (execution_id)
      where coalesce(written.quality, written.success::int) is not null
      order by 1, 2 on conflict do nothing)`;

async function findFeedback(
  db: Kysely<Database>,
  asked: readonly NewFeedback[],
): Promise<ReadonlyMap<string, Said>> {
  if (asked.length === 0) return new Map();
  const rows = await db
    .selectFrom("feedback")
    .selectAll()
    .where(
      sql<boolean>`(execution_id, feedback_id) in (
        select * from unnest(${asked.map((one) => one.executionId)}::text[], ${asked.map((one) => one.feedbackId)}::text[]))`,
    )
    .execute();
  return new Map(
    rows.map(({ execution_id: executionId, feedback_id: feedbackId, quality, success, comment }) => {
      const said = { ...(quality !== null && { quality }), ...(success !== null && { success }), comment };
      return [keyOf({ executionId, feedbackId }), said];
    }),
  );
}

/** The newest first. */
export const listFeedback = (
  db: Kysely<Database>,
  executionId: string,
  limit: number,
): Promise<StoredFeedback[]> =>
  db
    .selectFrom("feedback")
    .selectAll()
    .where("execution_id", "=", executionId)
    .orderBy("created_at", "desc")
    .orderBy("feedback_id")
    .limit(limit)
    .execute();

export type FeedbackSums = Readonly<{
  count: number;
  /** The mean; null: nobody gave one. */
  quality: number | null;
  succeeded: number;
  failed: number;
}>;

/** What was said of each execution of which anything was. */
export async function sumFeedback(
  db: Kysely<Database>,
  executionIds: readonly string[],
): Promise<ReadonlyMap<string, FeedbackSums>> {
  if (executionIds.length === 0) return new Map();
  const rows = await db
    .selectFrom("feedback")
    .select([
      "execution_id",
      sql<number>`count(*)::int`.as("count"),
      sql<number | null>`avg(quality)::double precision`.as("quality"),
      sql<number>`(count(*) filter (where success))::int`.as("succeeded"),
      sql<number>`(count(*) filter (where not success))::int`.as("failed"),
    ])
    .where(sql<boolean>`execution_id = any(${executionIds}::text[])`)
    .groupBy("execution_id")
    .execute();
  return new Map(rows.map(({ execution_id, ...sums }) => [execution_id, sums]));
}
