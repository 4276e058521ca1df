/** D12: a service that is started again where its disk has filled up, and then where there is room once more. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { expect, it } from "vitest";
import { startSandbox } from "../../src/sandbox/sandbox.ts";
import { copyCluster } from "../support/embedded-folder.ts";
import { type RunningService, startService } from "../support/service.ts";
import { callerOf, countRows, failures } from "./rig/outage.ts";
import { providersOf } from "./rig/replicas.ts";
import { holdsWithin } from "./rig/rig.ts";
import { CAN_MOUNT, fill, mountSmallDisk } from "./rig/small-disk.ts";
import { isThorough } from "./rig/thorough.ts";

const MIB = 1024 * 1024;
const CALLS = 20;
/** What is left of the disk, in bytes. Each stops the start elsewhere: at the lock, in the engine, in the spool. */
const LEFT = isThorough ? [0, 4_096, 16_384, 262_144, MIB, 4 * MIB, 7 * MIB] : [4_096];

function makeFolder(stack: AsyncDisposableStack): string {
  const folder = mkdtempSync(join(tmpdir(), "mt-"));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** By attempts and by executions, which each name their own. */
async function countIn({ pid, dataDir }: RunningService) {
  const client = new pg.Client({
    host: `/proc/${pid}/root${dataDir}`,
    user: "postgres",
    database: "postgres",
  });
  client.on("error", () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query(
      "select count(distinct execution_id)::int as executions, count(*)::int as attempts from ai_analytics",
    );
    return { rows: await countRows(client), ...rows[0] };
  } finally {
    await client.end();
  }
}

it.skipIf(!CAN_MOUNT)(
  "D12 a start on a disk that has filled up ends with code 1 and says what to do; with room again every record is there, once",
  async () => {
    await using stack = new AsyncDisposableStack();
    const sandbox = await startSandbox({ tokensPerSecond: 4_000 });
    stack.defer(() => sandbox.close());
    const [cluster, dataDir] = [makeFolder(stack), makeFolder(stack)];
    await copyCluster(cluster);
    const disk = await mountSmallDisk(dataDir, 160 * MIB, cluster);
    stack.defer(() => disk.remove());
    const start = () => startService({ env: providersOf(sandbox), dataDir, under: disk.under });

    const before = await start();
    const { call } = callerOf(before);
    expect(failures(await Promise.all(Array.from({ length: CALLS }, () => call())))).toEqual([]);
    await before.stop("SIGKILL"); // some records are in the database, and some wait in the spool
    for (const bytes of LEFT) {
      const giveBack = fill(disk.pid, dataDir, bytes);
      const refusal = await start().catch(String);
      giveBack();
      expect(refusal).toContain("the service ended with 1");
      expect(refusal).toMatch(/disk is full.*make room/is);
      expect(refusal).toContain(dataDir);
      expect(refusal).toMatch(/set MODELTIER_(DATA|SPOOL)_DIR/);
    }
    const after = await start();
    stack.defer(async () => void (await after.stop("SIGKILL")));
    const all = { rows: CALLS, executions: CALLS, attempts: CALLS };
    const areThere = async () =>
      JSON.stringify(await countIn(after).catch(() => undefined)) === JSON.stringify(all);
    await holdsWithin(30_000, areThere);
    expect(await countIn(after)).toEqual(all);
    expect(failures([await callerOf(after).call()])).toEqual([]);
  },
  180_000,
);
