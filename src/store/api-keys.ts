/** Queries on api_keys. Every change is told to the replicas and written to the audit log in its own transaction. */
import { type Kysely, type Selectable, sql } from "kysely";
import type { KeyStore } from "../access/key-admin.ts";
import type { Role, StoredKey } from "../access/types.ts";
import type { KeyLimits } from "../limits/types.ts";
import { insertAuditEntry } from "./audit-log.ts";
import type { ApiKeysTable, Database } from "./tables.ts";

/** The channel on which Postgres tells replicas that keys have changed. */
export const KEYS_CHANNEL = "modeltier_keys";

export type NewKey = Readonly<{
  keyId: string;
  name: string;
  role: Role;
  hash: Buffer;
  pepperId: string;
  createdBy: string;
  expiresAt?: Date;
  limits?: KeyLimits;
}>;

/** What a key is changed to, and by whom. */
export type Rotation = Readonly<{
  keyId: string;
  hash: Buffer;
  pepperId: string;
  /** Until when the old secret holds. */
  overlapEndsAt: Date;
  author: string;
}>;

const MOST_LISTED = 1_000;

/** Everything that is changed about keys, on one database. */
export const keyStoreOf = (db: Kysely<Database>): KeyStore => ({
  insert: (key) => insertKey(db, key),
  rotate: (rotation) => rotateKey(db, rotation),
  revoke: (keyId, author) => revokeKey(db, keyId, author),
  setLimits: (keyId, limits, author) => setKeyLimits(db, keyId, limits, author),
  list: (options) => listKeys(db, options),
});

const insertKey = (db: Kysely<Database>, key: NewKey): Promise<StoredKey> =>
  changing(db, key.createdBy, "key.create", async (tx) => {
    const { keyId, name, role, hash, pepperId, createdBy, expiresAt, limits = {} } = key;
    return tx
      .insertInto("api_keys")
      .values({
        key_id: keyId,
        name,
        role,
        hash,
        pepper_id: pepperId,
        created_by: createdBy,
        expires_at: expiresAt ?? null,
        ...limitColumns(limits),
      })
      .returningAll()
      .executeTakeFirstOrThrow();
  }) as Promise<StoredKey>;

/** @returns undefined when there is no such key, or it is revoked */
const rotateKey = (db: Kysely<Database>, rotation: Rotation): Promise<StoredKey | undefined> =>
  changing(db, rotation.author, "key.rotate", (tx) =>
    tx
      .updateTable("api_keys")
      .set((set) => ({
        hash: rotation.hash,
        previous_hash: set.ref("hash"),
        previous_expires_at: rotation.overlapEndsAt,
        pepper_id: rotation.pepperId,
        revision: sql<number>`revision + 1`,
      }))
      .where("key_id", "=", rotation.keyId)
      .where("revoked_at", "is", null)
      .returningAll()
      .executeTakeFirst(),
  );

/** Replaces them all. @returns undefined when there is no such key, or it is revoked */
const setKeyLimits = (
  db: Kysely<Database>,
  keyId: string,
  limits: KeyLimits,
  author: string,
): Promise<StoredKey | undefined> =>
  changing(
    db,
    author,
    "key.limit",
    (tx) =>
      tx
        .updateTable("api_keys")
        .set({ ...limitColumns(limits), revision: sql<number>`revision + 1` })
        .where("key_id", "=", keyId)
        .where("revoked_at", "is", null)
        .returningAll()
        .executeTakeFirst(),
    limits,
  );

/** Revoking it again changes nothing. @returns undefined when there is no such key */
async function revokeKey(
  db: Kysely<Database>,
  keyId: string,
  author: string,
): Promise<StoredKey | undefined> {
  const revoked = await changing(db, author, "key.revoke", (tx) =>
    tx
      .updateTable("api_keys")
      .set({ revoked_at: sql<Date>`now()`, revision: sql<number>`revision + 1` })
      .where("key_id", "=", keyId)
      .where("revoked_at", "is", null)
      .returningAll()
      .executeTakeFirst(),
  );
  if (revoked !== undefined) return revoked;
  const there = await db.selectFrom("api_keys").selectAll().where("key_id", "=", keyId).executeTakeFirst();
  return there && keyOf(there);
}

function changing(
  db: Kysely<Database>,
  author: string,
  action: string,
  change: (tx: Kysely<Database>) => Promise<Selectable<ApiKeysTable> | undefined>,
  detail: KeyLimits = {},
): Promise<StoredKey | undefined> {
  return db.transaction().execute(async (tx) => {
    const row = await change(tx);
    if (row === undefined) return undefined;
    await insertAuditEntry(tx, {
      action,
      author,
      subject: `key ${row.key_id}`,
      detail: { name: row.name, role: row.role, ...detail },
    });
    await sql`select pg_notify(${KEYS_CHANNEL}, 'changed')`.execute(tx);
    return keyOf(row);
  });
}

/** Those that are not revoked: what a replica lets in, as far as they have not expired. */
export async function listHeldKeys(db: Kysely<Database>): Promise<readonly StoredKey[]> {
  const rows = await db.selectFrom("api_keys").selectAll().where("revoked_at", "is", null).execute();
  return rows.map(keyOf);
}

/** Whether there is such a key that is not revoked. */
export async function isHeldKey(db: Kysely<Database>, keyId: string): Promise<boolean> {
  const held = await db
    .selectFrom("api_keys")
    .select("key_id")
    .where("key_id", "=", keyId)
    .where("revoked_at", "is", null)
    .executeTakeFirst();
  return held !== undefined;
}

/** The newest first. @param keyId only this one @param ended also those that hold no more */
async function listKeys(
  db: Kysely<Database>,
  { keyId, ended }: Readonly<{ keyId?: string; ended: boolean }>,
): Promise<readonly StoredKey[]> {
  let query = db
    .selectFrom("api_keys")
    .selectAll()
    .orderBy("created_at", "desc")
    .orderBy("key_id")
    .limit(MOST_LISTED);
  if (keyId !== undefined) query = query.where("key_id", "=", keyId);
  if (!ended) {
    query = query
      .where("revoked_at", "is", null)
      .where((where) =>
        where.or([where("expires_at", "is", null), where("expires_at", ">", sql<Date>`now()`)]),
      );
  }
  return (await query.execute()).map(keyOf);
}

/** `state` differs after every change, and is "" before the first key; `now` is the database's time, which keys expire by. */
export async function readKeysState(db: Kysely<Database>): Promise<Readonly<{ state: string; now: Date }>> {
  const { rows } = await sql<{ state: string; now: Date }>`
    select coalesce(md5(string_agg(key_id || ' ' || revision, ',' order by key_id)), '') as state,
      clock_timestamp() as now
    from api_keys`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new Error("an aggregate has a row");
  return row;
}

const limitColumns = ({ requestsPerMinute, tokensPerMinute, concurrentCalls }: KeyLimits) => ({
  requests_per_minute: requestsPerMinute ?? null,
  tokens_per_minute: tokensPerMinute ?? null,
  concurrent_calls: concurrentCalls ?? null,
});

/** Undefined: none. */
function limitsOf(row: Selectable<ApiKeysTable>): KeyLimits | undefined {
  const { requests_per_minute: requests, tokens_per_minute: tokens, concurrent_calls: calls } = row;
  if (requests === null && tokens === null && calls === null) return undefined;
  return {
    ...(requests !== null && { requestsPerMinute: requests }),
    ...(tokens !== null && { tokensPerMinute: tokens }),
    ...(calls !== null && { concurrentCalls: calls }),
  };
}

function keyOf(row: Selectable<ApiKeysTable>): StoredKey {
  const limits = limitsOf(row);
  const { previous_hash: hash, previous_expires_at: expiresAt } = row;
  return {
    keyId: row.key_id,
    name: row.name,
    role: row.role,
    hash: Buffer.from(row.hash),
    pepperId: row.pepper_id,
    ...(hash !== null && expiresAt !== null && { previous: { hash: Buffer.from(hash), expiresAt } }),
    createdAt: row.created_at,
    createdBy: row.created_by,
    ...(row.expires_at !== null && { expiresAt: row.expires_at }),
    ...(row.revoked_at !== null && { revokedAt: row.revoked_at }),
    ...(limits !== undefined && { limits }),
  };
}
