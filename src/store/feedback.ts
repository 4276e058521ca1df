/** Queries on feedback. */
import { type Kysely, type Selectable, sql } from "kysely";
import type { Database, FeedbackTable } from "./database.ts";

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

/** `other`: the id is that of feedback that says something else. */
export type FeedbackResult = "recorded" | "already_recorded" | "other";

/** Writes it unless it is there; what is there stays as it is. */
export async function insertFeedback(db: Kysely<Database>, given: NewFeedback): Promise<FeedbackResult> {
  const { executionId, feedbackId, quality = null, success = null, comment } = given;
  const row = { execution_id: executionId, feedback_id: feedbackId, quality, success, comment };
  const written = await db
    .insertInto("feedback")
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .returning("feedback_id")
    .executeTakeFirst();
  if (written) return "recorded";
  const there = await db
    .selectFrom("feedback")
    .selectAll()
    .where("execution_id", "=", executionId)
    .where("feedback_id", "=", feedbackId)
    .executeTakeFirst();
  const isSame = there?.quality === quality && there.success === success && there.comment === comment;
  return isSame ? "already_recorded" : "other";
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

export async function hasExecution(db: Kysely<Database>, executionId: string): Promise<boolean> {
  const { rows } =
    await sql`select from orchestration_executions where execution_id = ${executionId}`.execute(db);
  return rows.length > 0;
}
