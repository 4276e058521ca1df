/** Deletes what has expired, a little at a time. */
import type { Kysely } from "kysely";
import type { Database } from "../store/database.ts";
import { failureFields } from "../store/failure.ts";
import { deleteExpiredKeys } from "../store/idempotency-keys.ts";
import type { Log } from "../telemetry/log.ts";

export type SweeperOptions = Readonly<{
  db: Kysely<Database>;
  log: Log;
  /** In [0, 1); keeps replicas from sweeping in step. */
  random: () => number;
  /** Between two sweeps, half of it random. */
  intervalMs?: number;
  /** Rows in one statement. */
  batch?: number;
}>;

/** Sweeps now and then until it is stopped. Its timer keeps no process alive. */
export function startSweeper({ db, log, random, intervalMs = 600_000, batch = 500 }: SweeperOptions) {
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;

  async function sweep(): Promise<void> {
    try {
      let deleted = batch;
      while (deleted === batch && !isStopped) deleted = await deleteExpiredKeys(db, batch);
    } catch (error) {
      log.warn("Expired idempotency keys could not be deleted", failureFields(error));
    }
    schedule();
  }

  function schedule(): void {
    if (isStopped) return;
    timer = setTimeout(sweep, (intervalMs * (1 + random())) / 2).unref();
  }

  schedule();
  return {
    stop(): void {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}
