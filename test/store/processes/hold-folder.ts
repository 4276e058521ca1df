/** A process that has a data folder, with one row in it, until it is killed. Argument: the folder. */

import { openDatabase } from "../../../src/store/database.ts";
import { insertExecutions } from "../../../src/store/executions.ts";
import { anExecution } from "../../support/executions.ts";
import { silentLog } from "../../support/memory-log.ts";

const database = await openDatabase({ dataDir: process.argv[2] ?? "", log: silentLog });
await database.migrate();
await insertExecutions(database.db, [anExecution("written-before-the-kill")]);
process.stdout.write("ready\n");
