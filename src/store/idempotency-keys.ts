/** Queries on idempotency_keys. All times are the database's own: replicas need not agree on the time. */
import { type Kysely, type RawBuilder, sql } from "kysely";
import type { Database, IdempotencyKeysTable } from "./tables.ts";

/** Whose key, and which. */
export type KeyId = Readonly<{ scope: string; keyHash: Uint8Array }>;
/** The right to write a key's outcome. */
export type ClaimId = KeyId & Readonly<{ claimId: string }>;

export type StoredKey = Readonly<{
  bodyHash: Uint8Array;
  state: IdempotencyKeysTable["state"];
  /** Absent while in flight. */
  outcome?: Uint8Array;
}>;

/**
 * Claims a key that nobody holds: one that is new or has expired. One statement, so that of several at once one succeeds.
 * @param leaseMs after which the claim is void unless an outcome was written
 */
export async function claimKey(
  db: Kysely<Database>,
  { scope, keyHash, claimId }: ClaimId,
  bodyHash: Uint8Array,
  leaseMs: number,
): Promise<boolean> {
  const claim = {
    body_hash: bodyHash,
    claim_id: claimId,
    state: "in_flight" as const,
    outcome: null,
    created_at: sql<Date>`now()`,
    expires_at: inMs(leaseMs),
  };
  const { numInsertedOrUpdatedRows } = await db
    .insertInto("idempotency_keys")
    .values({ scope, key_hash: keyHash, ...claim })
    .onConflict((conflict) =>
      conflict
        .columns(["scope", "key_hash"])
        .doUpdateSet(claim)
        .where("idempotency_keys.expires_at", "<=", sql<Date>`now()`),
    )
    .executeTakeFirstOrThrow();
  return numInsertedOrUpdatedRows === 1n;
}

/** Undefined: nobody holds the key, or no longer. */
export async function findKey(
  db: Kysely<Database>,
  { scope, keyHash }: KeyId,
): Promise<StoredKey | undefined> {
  const row = await db
    .selectFrom("idempotency_keys")
    .select(["body_hash", "state", "outcome"])
    .where("scope", "=", scope)
    .where("key_hash", "=", keyHash)
    .where("expires_at", ">", sql<Date>`now()`)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const { body_hash: bodyHash, state, outcome } = row;
  return { bodyHash, state, ...(outcome !== null && { outcome }) };
}

/**
 * Writes how the claimed call ended. Writing it again changes nothing.
 * @returns false when the claim was lost: it had expired, and somebody else has the key or nobody
 */
export async function settleKey(
  db: Kysely<Database>,
  claim: ClaimId,
  { state, outcome, keptMs }: Readonly<{ state: "answered" | "failed"; outcome: Uint8Array; keptMs: number }>,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable("idempotency_keys")
    .set({ state, outcome, expires_at: inMs(keptMs) })
    .where("scope", "=", claim.scope)
    .where("key_hash", "=", claim.keyHash)
    .where("claim_id", "=", claim.claimId)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Gives a claim up, so that the key can be claimed again. Nothing happens when an outcome was written. */
export async function releaseKey(db: Kysely<Database>, claim: ClaimId): Promise<void> {
  await db
    .deleteFrom("idempotency_keys")
    .where("scope", "=", claim.scope)
    .where("key_hash", "=", claim.keyHash)
    .where("claim_id", "=", claim.claimId)
    .where("state", "=", "in_flight")
    .execute();
}

/** Deletes up to so many expired keys. Replicas that do it at once take different ones. @returns how many */
export async function deleteExpiredKeys(db: Kysely<Database>, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    with expired as materialized (
      select scope, key_hash from idempotency_keys where expires_at <= now()
      order by expires_at limit ${limit} for update skip locked
    )
    delete from idempotency_keys as held using expired
    where held.scope = expired.scope and held.key_hash = expired.key_hash`.execute(db);
  return Number(numAffectedRows ?? 0n);
}

const inMs = (milliseconds: number): RawBuilder<Date> =>
  sql<Date>`now() + ${milliseconds} * interval '1 millisecond'`;
