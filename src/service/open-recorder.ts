import type { Settings } from "../settings/settings.ts";
import type { OpenDatabase } from "../store/database.ts";
import { createRecorder, type DatabaseRecorder } from "../store/recorder.ts";
import { openSpool } from "../store/spool/spool.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";

type Parts = Readonly<{
  settings: Settings;
  database: OpenDatabase;
  /** After what time executions are to be learned from; undefined: they are not. */
  outcomeWaitMs: () => number | undefined;
  log: Log;
  metrics: Metrics;
}>;

/** The recorder with its spool, and what earlier processes left in that on its way to the database. */
export async function openRecorder(parts: Parts): Promise<DatabaseRecorder> {
  const { settings, database, outcomeWaitMs, log, metrics } = parts;
  const spool = await openSpool({
    root: settings.spoolDir,
    durability: settings.durability,
    capBytes: settings.spoolBytes,
    persist: database.persist,
    log,
    metrics,
  });
  return createRecorder({ db: database.db, spool, outcomeWaitMs, log, metrics });
}
