/** Queries on feedback. */
import type { Kysely, Selectable } from "kysely";
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

/** Whose an execution is, "" where callers were not told apart; undefined: it is not in the database. */
export async function findOwner(db: Kysely<Database>, executionId: string): Promise<string | undefined> {
  const found = await db
    .selectFrom("orchestration_executions")
    .select("key_id")
    .where("execution_id", "=", executionId)
    .executeTakeFirst();
  return found?.key_id;
}
