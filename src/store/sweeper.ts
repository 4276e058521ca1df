/** Deletes what has expired, a little at a time. */
import type { Log } from "../telemetry/log.ts";
import { failureFields } from "./failure.ts";

export type SweeperOptions = Readonly<{
  /** For the log: "Expired idempotency keys". */
  what: string;
  /** Deletes up to so many rows in one statement. @returns how many it were */
  deleteExpired: (limit: number) => Promise<number>;
  log: Log;
  /** In [0, 1); keeps replicas from sweeping in step. */
  random: () => number;
  /** Between two sweeps, half of it random. */
  intervalMs?: number;
  /** Rows in one statement. */
  batch?: number;
}>;

/** Sweeps now and then until it is stopped. Its timer keeps no process alive. */
export function startSweeper(options: SweeperOptions) {
  const { what, deleteExpired, log, random, intervalMs = 600_000, batch = 500 } = options;
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;

  async function sweep(): Promise<void> {
    try {
      let deleted = batch;
      while (deleted === batch && !isStopped) deleted = await deleteExpired(batch);
    } catch (error) {
      log.warn(`${what} could not be deleted`, failureFields(error));
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
