/** Queries on ai_analytics. */
import type { Insertable, Kysely, Selectable } from "kysely";
import { type ColumnTypes, insertNew, insertNewText } from "./insert.ts";
import type { AttemptRecord } from "./records.ts";
import type { AttemptsTable, Database } from "./tables.ts";
import { USAGE_COLUMNS, usageRow } from "./usage.ts";

export type StoredAttempt = Selectable<AttemptsTable>;
type NewAttempt = Insertable<AttemptsTable>;

const COLUMNS: ColumnTypes<NewAttempt> = {
  execution_id: "text",
  attempt: "integer",
  provider: "text",
  model: "text",
  tier: "text",
  outcome: "text",
  kind: "text",
  headers_ms: "double precision",
  price_version: "text",
  usage_method: "text",
  ...USAGE_COLUMNS,
};

/** Inserts the attempts; those already there stay as they are. */
export async function insertAttempts(db: Kysely<Database>, records: readonly AttemptRecord[]): Promise<void> {
  await insertNew(db, "ai_analytics", COLUMNS, records.map(attemptRow));
}

/** The same of rows that are text already. @param rows JSON objects with commas between them */
export async function insertAttemptTexts(db: Kysely<Database>, rows: string): Promise<void> {
  await insertNewText(db, "ai_analytics", COLUMNS, rows);
}

export const attemptRow = (record: AttemptRecord): NewAttempt => ({
  execution_id: record.executionId,
  attempt: record.attempt,
  provider: record.target.provider,
  model: record.target.model,
  tier: record.tier,
  outcome: record.outcome,
  kind: record.kind,
  headers_ms: record.headersMs,
  price_version: record.priceVersion,
  usage_method: record.usageMethod,
  ...usageRow(record),
  created_at: record.startedAt.toISOString(),
});

/** In the order they were made; empty when there were none. */
export const listAttempts = (db: Kysely<Database>, executionId: string): Promise<StoredAttempt[]> =>
  db
    .selectFrom("ai_analytics")
    .selectAll()
    .where("execution_id", "=", executionId)
    .orderBy("attempt")
    .execute();
