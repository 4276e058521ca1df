/** Queries on audit_log: who changed what for everyone. */
import type { Kysely } from "kysely";
import type { Database } from "./tables.ts";

export type Detail =
  | string
  | number
  | boolean
  | null
  | readonly Detail[]
  | Readonly<{ [name: string]: Detail }>;

export type AuditEntry = Readonly<{
  /** "config.publish" */
  action: string;
  author: string;
  /** What was changed: "config version 7". */
  subject: string;
  /** What else is worth knowing; no secret. */
  detail: Readonly<Record<string, Detail>>;
}>;

export type StoredAuditEntry = Omit<AuditEntry, "detail"> &
  Readonly<{
    entryId: number;
    detail: unknown;
    createdAt: Date;
  }>;

/** @param db the transaction of the change itself, so that neither is without the other */
export async function insertAuditEntry(db: Kysely<Database>, entry: AuditEntry): Promise<void> {
  const { action, author, subject, detail } = entry;
  await db
    .insertInto("audit_log")
    .values({ action, author, subject, detail: JSON.stringify(detail) })
    .execute();
}

export type AuditFilter = Readonly<{
  /** Only those before this entry. */
  before?: number;
  /** "budget.set"; "budget" is every action that begins with "budget.". */
  action?: string;
}>;

/** Newest first. */
export async function listAuditEntries(
  db: Kysely<Database>,
  limit: number,
  { before, action }: AuditFilter = {},
): Promise<readonly StoredAuditEntry[]> {
  let query = db.selectFrom("audit_log").selectAll();
  if (before !== undefined) query = query.where("entry_id", "<", BigInt(before));
  if (action !== undefined) {
    query = query.where(({ eb, fn, val }) =>
      eb.or([eb("action", "=", action), eb(fn("starts_with", ["action", val(`${action}.`)]), "=", true)]),
    );
  }
  const rows = await query.orderBy("entry_id", "desc").limit(limit).execute();
  return rows.map(({ entry_id, created_at: createdAt, ...row }) => ({
    ...row,
    entryId: Number(entry_id),
    createdAt,
  }));
}
