/** A replica that migrates and ends, having said which migrations it ran. Argument: the URL of a Postgres. */
import { openDatabase } from "../../../src/store/database.ts";
import { silentLog } from "../../support/memory-log.ts";

const database = await openDatabase({ url: process.argv[2] ?? "", dataDir: "unused", log: silentLog });
process.stdout.write(`${JSON.stringify(await database.migrate())}\n`);
await database.close();
