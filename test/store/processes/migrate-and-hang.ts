/**
 * A replica that stops dead in the middle of its migrations, inside the transaction, and waits to be killed.
 * Argument: DatabaseOptions without a log, as JSON.
 */
import { writeSync } from "node:fs";
import { openDatabase } from "../../../src/store/database.ts";
import { MIGRATIONS, type Migration, migrate } from "../../../src/store/migrations/migrate.ts";
import { connect, MIGRATION_LIMITS } from "../../../src/store/pool.ts";
import { silentLog } from "../../support/memory-log.ts";

const [first, ...others] = MIGRATIONS;
if (!first) throw new Error("There are no migrations");
const stop: Migration = {
  name: "stop",
  get statements() {
    writeSync(1, "in the middle\n");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    return [];
  },
};
const options = JSON.parse(process.argv[2] ?? "");
const { socketFolder = "" } = await openDatabase({ ...options, log: silentLog });
// As a replica migrates: an idle transaction is not ended by its server.
const place = options.url === undefined ? { socketFolder } : { url: options.url };
await migrate(connect(place, MIGRATION_LIMITS, silentLog), { migrations: [first, stop, ...others] });
