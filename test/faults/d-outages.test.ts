/**
 * D: the database is away, refuses, or comes back with a backlog, and calls go on. The outage lasts a minute;
 * MODELTIER_FAULTS=all makes it an hour.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Code, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import pg from "pg";
import { afterEach, expect, it } from "vitest";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { startSandbox } from "../../src/sandbox/sandbox.ts";
import { DEAD_LETTERS } from "../../src/store/spool/dead-letters.ts";
import { type DatabaseProxy, startDatabaseProxy } from "../support/database-proxy.ts";
import { startPostgres } from "../support/postgres.ts";
import { type RunningService, startService } from "../support/service.ts";
import { call, type Heard } from "./rig/call.ts";
import { PROVIDER_KEY, providersOf } from "./rig/replicas.ts";
import { holdsWithin } from "./rig/rig.ts";
import { isThorough } from "./rig/thorough.ts";

const PROMPT_CANARY = "CANARY-PROMPT-0d5e11";
const MINUTE_MS = 60_000;
const OUTAGE_MS = isThorough ? 60 * MINUTE_MS : MINUTE_MS;
const CALLS_PER_SECOND = 100;
/** What a heap may grow by while it settles; an hour's records are a hundred times as much. */
const SPARE_RSS_BYTES = 96 * 1024 * 1024;

let stack = new AsyncDisposableStack();
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

type Stage = Readonly<{
  proxy: DatabaseProxy;
  /** Past the proxy. */
  database: pg.Client;
  dataDir: string;
  start(env?: Readonly<Record<string, string>>, under?: readonly string[]): Promise<RunningService>;
}>;

async function setStage(): Promise<Stage> {
  const sandbox = await startSandbox({ tokensPerSecond: 4_000 });
  stack.defer(() => sandbox.close());
  const postgres = await startPostgres();
  stack.defer(() => postgres.stop());
  const proxy = await startDatabaseProxy(postgres.socketFolder);
  stack.defer(() => proxy.close());
  const direct = await postgres.createDatabase();
  const url = new URL(direct);
  url.searchParams.set("host", proxy.socketFolder);
  const database = new pg.Client({ connectionString: direct });
  await database.connect();
  stack.defer(() => database.end());
  const dataDir = mkdtempSync(join(tmpdir(), "mt-"));
  stack.defer(() => rmSync(dataDir, { recursive: true, force: true }));
  return {
    proxy,
    database,
    dataDir,
    async start(env = {}, under = []) {
      const service = await startService({
        dataDir,
        under,
        env: { ...providersOf(sandbox), DATABASE_URL: url.href, ...env },
      });
      let isStopped = false;
      const stop: RunningService["stop"] = (signal) => {
        isStopped = true;
        return service.stop(signal);
      };
      stack.defer(async () => void (isStopped || (await service.stop("SIGKILL"))));
      return { ...service, stop };
    },
  };
}

function callerOf({ grpcAddress }: RunningService) {
  const routers = Array.from({ length: 4 }, () =>
    createClient(RouterService, createGrpcTransport({ baseUrl: `http://${grpcAddress}` })),
  );
  let calls = 0;
  return {
    router: routers[0] as (typeof routers)[0],
    call(agentId = "agent"): Promise<Heard> {
      const router = routers[calls++ % routers.length] as (typeof routers)[0];
      return call(router, agentId, PROMPT_CANARY, { model: "openai/gpt-4o-mini", maxOutputTokens: 10 });
    },
  };
}

/** @returns how many rows; 0 while there are no tables */
async function countRows(database: pg.Client): Promise<number> {
  try {
    const { rows } = await database.query("select count(*)::int as count from orchestration_executions");
    return rows[0].count;
  } catch {
    return 0;
  }
}

async function metric({ httpUrl }: RunningService, name: string): Promise<number> {
  const text = await (await fetch(`${httpUrl}/metrics`)).text();
  const line = text.split("\n").find((each) => each.startsWith(name) && !each.startsWith("#"));
  return line === undefined ? 0 : Number(line.split(" ").at(-1));
}

/** Everything that a process left in its spool. */
function readSpool(dataDir: string): string {
  const entries = readdirSync(join(dataDir, "spool"), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), "utf8")).join("\n");
}

const rssOf = (pid: number): number =>
  1_024 * Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);

const hasTables = (database: pg.Client): Promise<boolean> =>
  holdsWithin(30_000, async () => {
    const { rows } = await database.query("select to_regclass('execution_rollups') is not null as there");
    return rows[0].there;
  });

const failures = (heard: readonly Heard[]) =>
  heard.filter(({ completed }) => completed === undefined).map(({ error }) => error?.whole);

it(`D02 Postgres is away for ${OUTAGE_MS / MINUTE_MS} min at ${CALLS_PER_SECOND} calls/s: nothing is refused, nothing is lost, memory stays flat`, {
  timeout: OUTAGE_MS + 10 * MINUTE_MS,
}, async () => {
  const { proxy, database, start } = await setStage();
  const service = await start();
  await hasTables(database);
  const caller = callerOf(service);
  let made = 0;
  const failed: (string | undefined)[] = [];
  async function load(forMs: number): Promise<void> {
    const startMs = performance.now();
    const running = new Set<Promise<void>>();
    for (let due = 0; performance.now() - startMs < forMs; ) {
      for (; due < ((performance.now() - startMs) / 1_000) * CALLS_PER_SECOND; due += 1) {
        made += 1;
        const one = caller.call().then((heard) => {
          failed.push(...failures([heard]));
        });
        running.add(one);
        void one.finally(() => running.delete(one));
      }
      await sleep(10);
    }
    await Promise.all(running);
  }
  await load(OUTAGE_MS / 6);
  await holdsWithin(60_000, async () => (await countRows(database)) === made);
  await proxy.goDown();
  const madeBefore = made;
  await load(OUTAGE_MS / 3);
  const settledRss = rssOf(service.pid);
  await load((OUTAGE_MS * 2) / 3);
  expect(failed).toEqual([]);
  expect(rssOf(service.pid) - settledRss).toBeLessThan(SPARE_RSS_BYTES);
  expect(await metric(service, "modeltier_spool_records")).toBe(made - madeBefore);
  await proxy.comeBack();
  expect(await holdsWithin(5 * MINUTE_MS, async () => (await countRows(database)) === made)).toBe(true);
  expect(await holdsWithin(5_000, async () => (await metric(service, "modeltier_spool_records")) === 0)).toBe(
    true,
  );
  const { rows } = await database.query("select sum(executions)::int as executions from execution_rollups");
  expect(rows).toEqual([{ executions: made }]);
});

it("D01 Postgres is down at the start: calls are routed and answered, and recorded when it is back", async () => {
  const { proxy, database, start } = await setStage();
  await proxy.goDown();
  const { call, router } = callerOf(await start());
  expect((await router.route({ agentId: "agent" })).decision).toBeDefined();
  expect(failures(await Promise.all(Array.from({ length: 20 }, () => call())))).toEqual([]);
  await proxy.comeBack();
  expect(await holdsWithin(30_000, async () => (await countRows(database)) === 20)).toBe(true);
});

it("D07 a row that Postgres refuses goes to the file of dead letters, and the others into the database", async () => {
  const { database, dataDir, start } = await setStage();
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
  const { proxy, database, start } = await setStage();
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

it("D21 after a failover to a read-only standby records wait, and are written once there is a primary", async () => {
  const { database, start } = await setStage();
  const service = await start();
  await hasTables(database);
  const { call } = callerOf(service);
  await call();
  await holdsWithin(10_000, async () => (await countRows(database)) === 1);
  const setReadOnly = async (value: "on" | "off"): Promise<void> => {
    await database.query("set default_transaction_read_only = off");
    await database.query(
      `do $$ begin execute format('alter database %I set default_transaction_read_only = ${value}', current_database()); end $$`,
    );
    await database.query(`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`);
  };
  await setReadOnly("on");
  expect(failures(await Promise.all(Array.from({ length: 20 }, () => call())))).toEqual([]);
  expect(await holdsWithin(10_000, () => service.output().stderr.includes("25006"))).toBe(true);
  expect(await countRows(database)).toBe(1);
  await database.query(
    `do $$ begin execute format('alter database %I set default_transaction_read_only = off', current_database()); end $$`,
  );
  expect(await holdsWithin(60_000, async () => (await countRows(database)) === 21)).toBe(true);
});

it("O05 the process ends in time while Postgres is down, and what it left is recorded by the next", async () => {
  const { proxy, database, start, dataDir } = await setStage();
  const service = await start();
  await hasTables(database);
  await proxy.goDown();
  const { call } = callerOf(service);
  const heard = await Promise.all(Array.from({ length: 50 }, () => call()));
  expect(failures(heard)).toEqual([]);
  expect(await service.stop()).toBe(0);
  const left = readSpool(dataDir);
  expect(left).toContain("gpt-4o-mini");
  for (const secret of [PROMPT_CANARY, PROVIDER_KEY, ...heard.map(({ text }) => text)])
    expect(left).not.toContain(secret);
  await proxy.comeBack();
  await start();
  expect(await holdsWithin(30_000, async () => (await countRows(database)) === 50)).toBe(true);
  expect(readdirSync(join(dataDir, "spool"))).toContain("0");
});

it("O04 killed while it drains: every call is recorded, those that were still running as INTERRUPTED", async () => {
  const { database, start } = await setStage();
  const service = await start({ MODELTIER_GRACE_SECONDS: "30" });
  await hasTables(database);
  const { router } = callerOf(service);
  const model = "openai/gpt-4o-mini!stall";
  const running = Array.from({ length: 20 }, () =>
    call(router, "agent", "", { model, maxOutputTokens: 2_000 }),
  );
  await holdsWithin(10_000, async () => (await metric(service, "modeltier_routing_decisions_total")) > 0);
  await sleep(300);
  void service.stop();
  await sleep(200);
  process.kill(service.pid, "SIGKILL");
  const accepted = (await Promise.all(running)).filter(({ decision }) => decision !== undefined).length;
  await start();
  expect(await holdsWithin(30_000, async () => (await countRows(database)) >= accepted)).toBe(true);
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
    const { proxy, database, start } = await setStage();
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
    expect(service.output().stderr).toContain("may not have reached the disk");
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
