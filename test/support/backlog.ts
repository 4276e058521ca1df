/** Records that an earlier process left in a spool, for the next one on the same folder to find. */
import { openSpool } from "../../src/store/spool/spool.ts";
import { anExecution } from "./executions.ts";
import { silentLog } from "./memory-log.ts";

const MIB = 1024 * 1024;

/** @param root the spool's folder */
export async function leaveBacklog(root: string, records: number): Promise<void> {
  const spool = await openSpool({ root, durability: "os", capBytes: 512 * MIB, log: silentLog });
  for (let number = 0; number < records; number += 1) {
    spool.record(anExecution(`backlog-${number}`, { agentId: `agent-${number % 150}` }));
    // What is written in one turn is written at once.
    if (number % 100 === 99) await new Promise((resolve) => setImmediate(resolve));
  }
  await spool.close();
}
