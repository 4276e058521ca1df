/** Queries on audit_log: who changed what for everyone. */
import type { Kysely, Selectable } from "kysely";
import type { AuditLogTable, Database } from "./database.ts";

export type AuditEntry = Readonly<{
  /** "config.publish" */
  action: string;
  author: string;
  /** What was changed: "config version 7". */
  subject: string;
  /** What else is worth knowing; no secret. */
  detail: Readonly<Record<string, string | number | null>>;
}>;

/** @param db the transaction of the change itself, so that neither is without the other */
export async function insertAuditEntry(db: Kysely<Database>, entry: AuditEntry): Promise<void> {
  const { action, author, subject, detail } = entry;
  await db
    .insertInto("audit_log")
    .values({ action, author, subject, detail: JSON.stringify(detail) })
    .execute();
}

/** Newest first. */
export const listAuditEntries = (
  db: Kysely<Database>,
  limit: number,
): Promise<readonly Selectable<AuditLogTable>[]> =>
  db.selectFrom("audit_log").selectAll().orderBy("entry_id", "desc").limit(limit).execute();
