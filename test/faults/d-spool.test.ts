/** D: what waits for the database is poisoned, too much, or on a disk that fails. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { afterEach, expect, it } from "vitest";
import { DEAD_LETTERS } from "../../src/store/spool/dead-letters.ts";
import type { Heard } from "./rig/call.ts";
import { callerOf, countRows, failures, hasTables, metric, setStage } from "./rig/outage.ts";
import { holdsWithin } from "./rig/rig.ts";

let stack = new AsyncDisposableStack();
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

it("D07 a row that Postgres refuses goes to the file of dead letters, and the others into the database", async () => {
  const { database, dataDir, start } = await setStage(stack);
  const service = await start();
  await hasTables(database);
  await database.query("alter table orchestration_executions add check (agent_id <> 'poison')");
  const { call } = callerOf(service);
  const agents = Array.from({ length: 50 }, (_, number) => (number === 31 ? "poison" : "agent"));
  expect(failures(await Promise.all(agents.map((agent) => call(agent))))).toEqual([]);
  expect(await holdsWithin(30_000, async () => (await countRows(database)) === 49)).toBe(true);
  const letters = join(dataDir, "spool", DEAD_LETTERS);
  await holdsWithin(10_000, () => readdirSync(join(dataDir, "spool")).includes(DEAD_LETTERS));
  expect(JSON.parse(readFileSync(letters, "utf8"))).toMatchObject({
    sqlState: "23514",
    execution: { agent_id: "poison" },
  });
  expect(await metric(service, 'modeltier_records_dropped_total{reason="rejected"}')).toBe(1);
  expect(service.output().stderr).not.toContain("poison");
});

it("D13 the spool is at its cap: calls are refused with the reason and nothing else, until there is room", async () => {
  const { proxy, database, start } = await setStage(stack);
  const service = await start({ MODELTIER_SPOOL_BYTES: String(2 * 1024 * 1024) });
  await hasTables(database);
  await proxy.goDown();
  const { call, router } = callerOf(service);
  let answered = 0;
  let refused: Heard | undefined;
  for (let round = 0; refused === undefined && round < 500; round += 1) {
    const heard = await Promise.all(Array.from({ length: 20 }, () => call()));
    answered += heard.filter(({ completed }) => completed !== undefined).length;
    refused = heard.find(({ error }) => error !== undefined);
  }
  expect(refused?.error).toMatchObject({ code: Code.ResourceExhausted, reason: "RECORDS_SPOOL_FULL" });
  expect(refused?.error?.retryAfterMs).toBeGreaterThan(0);
  expect((await router.route({ agentId: "agent" })).decision).toBeDefined();
  expect(await metric(service, 'modeltier_spool_refusals_total{reason="spool_full"}')).toBeGreaterThan(0);
  await proxy.comeBack();
  expect(await holdsWithin(60_000, async () => (await countRows(database)) === answered)).toBe(true);
  expect(failures([await call()])).toEqual([]);
});

/** Every third fdatasync of a thread fails, beginning with its second. */
const FAILING_DISK = [
  "strace",
  "-f",
  "-o",
  "/dev/null",
  "-e",
  "trace=fdatasync",
  "-e",
  "inject=fdatasync:error=EIO:when=2+3",
];
const CAN_TRACE = spawnSync("strace", ["-o", "/dev/null", "true"]).status === 0;

it.skipIf(!CAN_TRACE)(
  "D10 the disk fails again and again: what callers were told of survives a kill all the same",
  async () => {
    const { proxy, database, start } = await setStage(stack);
    const service = await start({ MODELTIER_DURABILITY: "fsync" }, FAILING_DISK);
    await hasTables(database);
    await proxy.goDown();
    const { call } = callerOf(service);
    let answered = 0;
    for (let round = 0; round < 10; round += 1) {
      const heard = await Promise.all(Array.from({ length: 10 }, () => call()));
      answered += heard.filter(({ completed }) => completed !== undefined).length;
      const refused = heard.flatMap(({ error }) => (error === undefined ? [] : [error.reason]));
      expect(new Set(refused)).toSatisfy(isDiskFailing);
    }
    expect(answered).toBeGreaterThan(0);
    await expect
      .poll(() => service.output().stderr, { timeout: 10_000 })
      .toContain("may not have reached the disk");
    const [traced = ""] = readFileSync(`/proc/${service.pid}/task/${service.pid}/children`, "utf8").split(
      " ",
    );
    process.kill(Number(traced), "SIGKILL");
    await service.stop("SIGKILL");
    await proxy.comeBack();
    await start();
    expect(await holdsWithin(30_000, async () => (await countRows(database)) >= answered)).toBe(true);
  },
);

const isDiskFailing = (reasons: ReadonlySet<string>): boolean =>
  [...reasons].every((reason) => reason === "RECORDS_DISK_FAILING");
