/** Deletes keys that have expired. */
import type { Kysely } from "kysely";
import { deleteExpiredKeys } from "../store/idempotency-keys.ts";
import { startSweeper } from "../store/sweeper.ts";
import type { Database } from "../store/tables.ts";
import type { Log } from "../telemetry/log.ts";

export type KeySweeperOptions = Readonly<{
  db: Kysely<Database>;
  log: Log;
  /** In [0, 1). */
  random: () => number;
  /** Between two sweeps, half of it random. */
  intervalMs?: number;
  /** Rows in one statement. */
  batch?: number;
}>;

export const startKeySweeper = ({
  db,
  log,
  random,
  intervalMs = 600_000,
  batch = 500,
}: KeySweeperOptions): Readonly<{ stop(): void }> =>
  startSweeper({
    doSome: async () => (await deleteExpiredKeys(db, batch)) === batch,
    complaint: "Expired idempotency keys could not be deleted",
    log,
    random,
    intervalMs,
  });
