/** Has executions go once they are older than they are to be kept. Without a limit they are kept. */
import type { Settings } from "../settings/settings.ts";
import type { OpenDatabase } from "../store/database.ts";
import { type Deleted, deleteOld, RETAINED_TABLES } from "../store/retention.ts";
import { startSweeper } from "../store/sweeper.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";

export type RetentionParts = Readonly<{
  settings: Pick<Settings, "retentionDays">;
  database: Pick<OpenDatabase, "analytics" | "vacuum">;
  metrics: Pick<Metrics, "retentionDeletedRows">;
  log: Log;
  /** In [0, 1). */
  random?: () => number;
  /** Executions in one statement. */
  batch?: number;
  /** Between two statements. */
  pauseMs?: number;
  firstMs?: number;
  intervalMs?: number;
  /** Executions deleted before the embedded database is told to use their room again. */
  vacuumAfter?: number;
}>;

/** With their attempts and feedback some 2,500 rows: a moment's work, and far from the time a statement may take. */
const BATCH = 1_000;
/** At most 7,000 executions a second: more than are made, and the database has most of its time for others. */
const PAUSE_MS = 200;
const FIRST_MS = 5_000;
const INTERVAL_MS = 600_000;
const VACUUM_AFTER = 10_000;

/** Deletes over the connections for long reads, so that none is taken from those that calls and records wait for. */
export function startRetention(parts: RetentionParts): Readonly<{ stop(): void }> {
  const { settings, database, metrics, log, random = Math.random, batch = BATCH } = parts;
  const { retentionDays } = settings;
  if (retentionDays === undefined) return { stop: () => undefined };
  const { vacuumAfter = VACUUM_AFTER } = parts;
  let sinceVacuum = 0;

  async function deleteSome(days: number): Promise<boolean> {
    const deleted = await deleteOld(database.analytics, days, batch);
    count(deleted, metrics);
    const executions = deleted?.orchestration_executions ?? 0;
    sinceVacuum += executions;
    if (executions === batch) return true;
    if (sinceVacuum >= vacuumAfter) {
      sinceVacuum = 0;
      await database.vacuum?.(RETAINED_TABLES);
    }
    return false;
  }

  return startSweeper({
    doSome: () => deleteSome(retentionDays),
    complaint: "Executions older than they are to be kept could not be deleted; trying again later",
    log,
    random,
    firstMs: parts.firstMs ?? FIRST_MS,
    intervalMs: parts.intervalMs ?? INTERVAL_MS,
    pauseMs: parts.pauseMs ?? PAUSE_MS,
  });
}

function count(deleted: Deleted, { retentionDeletedRows }: RetentionParts["metrics"]): void {
  for (const table of RETAINED_TABLES) retentionDeletedRows.inc({ table }, deleted?.[table] ?? 0);
}
