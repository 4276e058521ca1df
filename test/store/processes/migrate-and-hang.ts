/**
 * A replica that stops dead in the middle of its migrations, inside the transaction, and waits to be killed.
 * Argument: DatabaseOptions without a log, as JSON.
 */
import { writeSync } from "node:fs";
import { openDatabase } from "../../../src/store/database.ts";
import { MIGRATIONS, type Migration, migrate } from "../../../src/store/migrations/migrate.ts";
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
const { db } = await openDatabase({ ...JSON.parse(process.argv[2] ?? ""), log: silentLog });
await migrate(db, { migrations: [first, stop, ...others] });
