/** Queries on stored_prompts. All times are the database's own: replicas need not agree on the time. */
import { type Kysely, type Selectable, sql } from "kysely";
import { insertAuditEntry } from "./audit-log.ts";
import type { Database, StoredPromptsTable } from "./tables.ts";

export type StoredPromptRow = Selectable<StoredPromptsTable>;

export type SealedPrompt = Readonly<{
  executionId: string;
  agentId: string;
  /** "": callers are not told apart. */
  keyId: string;
  sealed: Uint8Array;
  sealingKeyId: string;
}>;

/** Which stored texts, by one of the three. */
export type PromptScope = Readonly<{ kind: "execution" | "agent" | "key"; id: string }>;

/** Writes it unless it is there. @param ageMs since its call ended @param keptMs from then on */
export async function insertPrompt(
  db: Kysely<Database>,
  { executionId, agentId, keyId, sealed, sealingKeyId }: SealedPrompt,
  { ageMs, keptMs }: Readonly<{ ageMs: number; keptMs: number }>,
): Promise<void> {
  await db
    .insertInto("stored_prompts")
    .values({
      execution_id: executionId,
      agent_id: agentId,
      key_id: keyId,
      sealed,
      sealing_key_id: sealingKeyId,
      created_at: inMs(-Math.round(ageMs)),
      expires_at: inMs(Math.round(keptMs - ageMs)),
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/**
 * Reads one that has not expired, and notes in the audit log who did: neither is without the other.
 * @param owner only if it is this key's; absent: whosever it is
 */
export const readPrompt = (
  db: Kysely<Database>,
  executionId: string,
  { author, owner }: Readonly<{ author: string; owner?: string }>,
): Promise<StoredPromptRow | undefined> =>
  db.transaction().execute(async (tx) => {
    const query = tx
      .selectFrom("stored_prompts")
      .selectAll()
      .where("execution_id", "=", executionId)
      .where("expires_at", ">", sql<Date>`now()`);
    const row = await (owner === undefined ? query : query.where("key_id", "=", owner)).executeTakeFirst();
    if (row === undefined) return undefined;
    await insertAuditEntry(tx, {
      action: "prompt.read",
      author,
      subject: `prompt of execution ${executionId}`,
      detail: { agent_id: row.agent_id, key_id: row.key_id },
    });
    return row;
  });

/** Whether the texts of an execution are stored and have not expired. */
export async function isPromptStored(db: Kysely<Database>, executionId: string): Promise<boolean> {
  const row = await db
    .selectFrom("stored_prompts")
    .select("execution_id")
    .where("execution_id", "=", executionId)
    .where("expires_at", ">", sql<Date>`now()`)
    .executeTakeFirst();
  return row !== undefined;
}

const COLUMN = { execution: "execution_id", agent: "agent_id", key: "key_id" } as const;

/**
 * Deletes stored texts, and notes in the audit log who did. Where there are none nothing is noted.
 * @param owner only this key's; absent: whosever they are
 * @returns how many
 */
export const deletePrompts = (
  db: Kysely<Database>,
  { kind, id }: PromptScope,
  { author, owner }: Readonly<{ author: string; owner?: string }>,
): Promise<bigint> =>
  db.transaction().execute(async (tx) => {
    const query = tx.deleteFrom("stored_prompts").where(COLUMN[kind], "=", id);
    const { numDeletedRows } = await (owner === undefined
      ? query
      : query.where("key_id", "=", owner)
    ).executeTakeFirst();
    if (numDeletedRows === 0n) return 0n;
    await insertAuditEntry(tx, {
      action: "prompt.delete",
      author,
      subject: `prompts of ${kind} ${id}`,
      detail: { deleted: String(numDeletedRows) },
    });
    return numDeletedRows;
  });

/** Deletes up to so many that have expired. Replicas that do it at once take different ones. @returns how many */
export async function deleteExpiredPrompts(db: Kysely<Database>, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    with expired as materialized (
      select execution_id from stored_prompts where expires_at <= now()
      order by expires_at limit ${limit} for update skip locked
    )
    delete from stored_prompts as held using expired where held.execution_id = expired.execution_id`.execute(
    db,
  );
  return Number(numAffectedRows ?? 0n);
}

const inMs = (milliseconds: number) => sql<Date>`now() + ${milliseconds} * interval '1 millisecond'`;
