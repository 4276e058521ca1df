/** Brings the tables up to date, all pending migrations in one transaction: whoever is killed leaves nothing behind. */
import { type Kysely, sql, type Transaction } from "kysely";
import { isServerAnswer } from "../failure.ts";
import { executions } from "./0001-executions.ts";
import { configVersions } from "./0002-config-versions.ts";
import { idempotencyKeys } from "./0003-idempotency-keys.ts";
import { cacheSavings } from "./0004-cache-savings.ts";
import { usageMethod } from "./0005-usage-method.ts";
import { budgets } from "./0006-budgets.ts";
import { configHistory } from "./0007-config-history.ts";
import { executionDetails } from "./0008-execution-details.ts";
import { feedback } from "./0009-feedback.ts";
import { rollups } from "./0010-rollups.ts";
import { apiKeys } from "./0011-api-keys.ts";
import { storedPrompts } from "./0012-stored-prompts.ts";
import { retention } from "./0013-retention.ts";
import { keyLimits } from "./0014-key-limits.ts";
import { agentScores } from "./0015-agent-scores.ts";
import { shadowDisagreements } from "./0016-shadow-disagreements.ts";
import { experiments } from "./0017-experiments.ts";
import { limitDemand } from "./0018-limit-demand.ts";

export type Migration = Readonly<{
  /** Unique and never changed once released; so are the statements. */
  name: string;
  /**
   * Only what the previous release can live with (a new table, a nullable column, a column with a default): in a
   * rolling deploy both run at once. What is no longer used goes in a later release, which says so in `contract`.
   */
  statements: readonly string[];
  /** Of one that takes something away: why no release that may still run misses it. A test holds all others to adding. */
  contract?: string;
}>;

/** In order. A new one goes at the end. */
export const MIGRATIONS: readonly Migration[] = [
  executions,
  configVersions,
  idempotencyKeys,
  cacheSavings,
  usageMethod,
  budgets,
  configHistory,
  executionDetails,
  feedback,
  rollups,
  apiKeys,
  storedPrompts,
  retention,
  keyLimits,
  agentScores,
  shadowDisagreements,
  experiments,
  limitDemand,
];

/** Any number will do, as long as it is the same in every replica and every release. */
const LOCK = 7_308_332_045_297_544_562n;

export type MigrateOptions = Readonly<{
  migrations?: readonly Migration[];
  /** How long to wait while another replica migrates. */
  waitMs?: number;
  /** The longest one statement may take. */
  statementMs?: number;
}>;

/**
 * Runs what has not run yet. Of several replicas one does the work and the others find it done. Migrations that a newer
 * release has already made are none of our business and do no harm.
 * @param db its own limit on a reply must be longer than the limits given here
 * @returns the names of the migrations that ran, in order
 * @throws Error when another replica was still migrating after `waitMs`
 */
export function migrate<T>(
  db: Kysely<T>,
  { migrations = MIGRATIONS, waitMs = 60_000, statementMs = 600_000 }: MigrateOptions = {},
): Promise<readonly string[]> {
  return db.transaction().execute(async (tx) => {
    await waitForTurn(tx, waitMs);
    await setLimit(tx, "statement_timeout", statementMs);
    const done = await listApplied(tx);
    const pending = migrations.filter(({ name }) => !done.has(name));
    for (const migration of pending) await apply(tx, migration);
    return pending.map(({ name }) => name);
  });
}

/** The lock belongs to the transaction, not to the session: it ends with it, also behind a pooler of transactions. */
async function waitForTurn<T>(tx: Transaction<T>, waitMs: number): Promise<void> {
  await setLimit(tx, "statement_timeout", 0);
  await setLimit(tx, "lock_timeout", waitMs);
  try {
    await sql`select pg_advisory_xact_lock(${LOCK})`.execute(tx);
  } catch (error) {
    if (!isServerAnswer(error) || error.code !== "55P03") throw error;
    throw new Error(`Another replica has been migrating the database for more than ${waitMs} ms`, {
      cause: error,
    });
  }
}

/** For this transaction only, in ms; 0: none. */
const setLimit = <T>(tx: Transaction<T>, name: "statement_timeout" | "lock_timeout", ms: number) =>
  sql`select set_config(${name}, ${String(ms)}, true)`.execute(tx);

async function listApplied<T>(tx: Transaction<T>): Promise<ReadonlySet<string>> {
  await sql`create table if not exists modeltier_migrations (
    name text primary key,
    applied_at timestamptz not null default now()
  )`.execute(tx);
  const { rows } = await sql<{ name: string }>`select name from modeltier_migrations`.execute(tx);
  return new Set(rows.map(({ name }) => name));
}

async function apply<T>(tx: Transaction<T>, { name, statements }: Migration): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(tx);
  await sql`insert into modeltier_migrations (name) values (${name})`.execute(tx);
}
