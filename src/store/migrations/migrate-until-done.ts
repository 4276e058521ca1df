import type { Log } from "../../telemetry/log.ts";
import { failureFields } from "../failure.ts";
import { backOff, isWorthALine } from "../retry.ts";

/**
 * Migrates, and tries again until it works: a database that is down when the service starts is no reason not to serve.
 * Records wait in the recorder meanwhile. Ends without having migrated only when the signal is aborted.
 * @param migrate as in `OpenDatabase`
 */
export async function migrateUntilDone(
  migrate: () => Promise<readonly string[]>,
  { log, signal, random = Math.random }: { log: Log; signal: AbortSignal; random?: () => number },
): Promise<void> {
  for (let failures = 1; !signal.aborted; failures += 1) {
    try {
      const names = await migrate();
      log.info("The database is up to date", { migrated: names.join(" ") });
      return;
    } catch (error) {
      if (isWorthALine(failures)) {
        log.warn("The database could not be migrated; trying again", { ...failureFields(error), failures });
      }
      await backOff(failures, random(), signal);
    }
  }
}
