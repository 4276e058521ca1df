/** Queries on orchestration_config_versions. A version is never changed and never deleted. */
import { type Kysely, type Selectable, sql } from "kysely";
import { insertAuditEntry } from "./audit-log.ts";
import { isServerAnswer } from "./failure.ts";
import type { ConfigVersionsTable, Database } from "./tables.ts";

/** Replicas that listen here load the newest version at once. */
export const CONFIG_CHANNEL = "modeltier_config";

export type VersionInfo = Readonly<{
  version: number;
  author: string;
  comment: string;
  createdAt: Date;
  basedOn: number;
  /** The version whose document it took over; absent: it is no rollback. */
  rolledBackTo?: number;
}>;
export type StoredVersion = VersionInfo & Readonly<{ document: unknown }>;
export type NewVersion = Omit<VersionInfo, "version" | "createdAt"> & Readonly<{ document: unknown }>;

const INFO = ["version", "author", "comment", "created_at", "based_on", "rolled_back_to"] as const;

/** The number of the newest version; 0: there is none. */
export async function findNewestNumber(db: Kysely<Database>): Promise<number> {
  const row = await db
    .selectFrom("orchestration_config_versions")
    .select(({ fn }) => fn.max("version").as("newest"))
    .executeTakeFirst();
  return Number(row?.newest ?? 0);
}

export async function findVersion(db: Kysely<Database>, version: number): Promise<StoredVersion | undefined> {
  const row = await db
    .selectFrom("orchestration_config_versions")
    .selectAll()
    .where("version", "=", BigInt(version))
    .executeTakeFirst();
  return row && { ...infoOf(row), document: row.document };
}

/** Newest first, without their documents. @param before only older ones; absent: from the newest on */
export async function listVersions(
  db: Kysely<Database>,
  limit: number,
  before?: number,
): Promise<readonly VersionInfo[]> {
  let query = db.selectFrom("orchestration_config_versions").select(INFO);
  if (before !== undefined) query = query.where("version", "<", BigInt(before));
  const rows = await query.orderBy("version", "desc").limit(limit).execute();
  return rows.map(infoOf);
}

/**
 * Adds a version after the one it is based on, with its entry in the audit log, and tells the replicas, all in one transaction.
 * @returns undefined when there is a newer one already: of several on the same base the first succeeds
 */
export async function insertVersion(
  db: Kysely<Database>,
  version: NewVersion,
): Promise<VersionInfo | undefined> {
  try {
    return await db.transaction().execute(async (tx) => {
      if ((await findNewestNumber(tx)) !== version.basedOn) return undefined;
      return insertNext(tx, version);
    });
  } catch (error) {
    if (isServerAnswer(error) && error.code === UNIQUE_VIOLATION) return undefined;
    throw error;
  }
}

const UNIQUE_VIOLATION = "23505";

async function insertNext(tx: Kysely<Database>, version: NewVersion): Promise<VersionInfo> {
  const { document, author, comment, basedOn, rolledBackTo } = version;
  const number = basedOn + 1;
  const row = await tx
    .insertInto("orchestration_config_versions")
    .values({
      version: BigInt(number),
      document: JSON.stringify(document),
      author,
      comment,
      based_on: basedOn,
      rolled_back_to: rolledBackTo ?? null,
    })
    .returning(INFO)
    .executeTakeFirstOrThrow();
  await insertAuditEntry(tx, {
    action: rolledBackTo === undefined ? "config.publish" : "config.rollback",
    author,
    subject: `config version ${number}`,
    detail: { based_on: basedOn, rolled_back_to: rolledBackTo ?? null, comment },
  });
  await sql`select pg_notify(${CONFIG_CHANNEL}, ${String(number)})`.execute(tx);
  return infoOf(row);
}

const infoOf = (row: Pick<Selectable<ConfigVersionsTable>, (typeof INFO)[number]>): VersionInfo => ({
  version: Number(row.version),
  author: row.author,
  comment: row.comment,
  createdAt: row.created_at,
  basedOn: Number(row.based_on),
  ...(row.rolled_back_to !== null && { rolledBackTo: Number(row.rolled_back_to) }),
});
