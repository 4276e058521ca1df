/**
 * D and O: the database is away, refuses to write, or comes back to a backlog, and calls go on. The outage lasts a minute; an hour
 * in `npm run faults`.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, it } from "vitest";
import { openLoop } from "../../bench/lib/open-loop.ts";
import { percentile } from "../../bench/lib/stats.ts";
import { call } from "./rig/call.ts";
import { HEAP_PROBE, heldBytesOf } from "./rig/held.ts";
import {
  callerOf,
  countRows,
  failures,
  hasTables,
  metric,
  PROMPT_CANARY,
  readSpool,
  setStage,
} from "./rig/outage.ts";
import { PROVIDER_KEY } from "./rig/replicas.ts";
import { holdsWithin } from "./rig/rig.ts";
import { isThorough } from "./rig/thorough.ts";

const MINUTE_MS = 60_000;
const OUTAGE_MS = isThorough ? 60 * MINUTE_MS : MINUTE_MS / 5;
const CALLS_PER_SECOND = 100;
/** A segment that is written and one that is packed; a quarter of a million records would be many times that. */
const SPARE_BYTES = 24 * 1024 * 1024;

let stack = new AsyncDisposableStack();
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

it(`D02 Postgres is away for ${OUTAGE_MS / 1_000} s at ${CALLS_PER_SECOND} calls/s: nothing is refused, nothing is lost, memory stays flat`, {
  timeout: 2 * OUTAGE_MS + 10 * MINUTE_MS,
}, async () => {
  const { proxy, database, start } = await setStage(stack);
  // Others that keep this machine busy are no reason to refuse a call here.
  const service = await start({ MODELTIER_MAX_LAG_MS: "10000", ...HEAP_PROBE });
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
  const held = await heldBytesOf(service);
  await load((OUTAGE_MS * 2) / 3);
  expect(failed).toEqual([]);
  // A process that has just started grows by itself; an hour tells.
  if (isThorough) expect((await heldBytesOf(service)) - held).toBeLessThan(SPARE_BYTES);
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
  const { proxy, database, start } = await setStage(stack);
  await proxy.goDown();
  const { call, router } = callerOf(await start());
  expect((await router.route({ agentId: "agent" })).decision).toBeDefined();
  expect(failures(await Promise.all(Array.from({ length: 20 }, () => call())))).toEqual([]);
  await proxy.comeBack();
  expect(await holdsWithin(30_000, async () => (await countRows(database)) === 20)).toBe(true);
});

it("D01 Route asks no database: every request is decided while Postgres is away, and how soon is said", {
  timeout: 2 * MINUTE_MS,
}, async () => {
  const { proxy, database, start } = await setStage(stack);
  const service = await start({ MODELTIER_MAX_LAG_MS: "10000" });
  await hasTables(database);
  const { router } = callerOf(service);
  const ask = async () => {
    expect((await router.route({ agentId: "agent" })).decision).toBeDefined();
  };
  const measured = async () => {
    const tookMs = await openLoop({ perSecond: 200, requests: isThorough ? 4_000 : 400, ask });
    return `${percentile(tookMs, 0.5).toFixed(1)} ms, ${percentile(tookMs, 0.99).toFixed(1)} ms at p99`;
  };
  await openLoop({ perSecond: 500, requests: isThorough ? 10_000 : 100, ask }); // compiles what follows
  const beside = await measured();
  await proxy.goDown();
  console.info(`R8: Route takes its caller ${await measured()} without a database, ${beside} with it`);
});

it("D21 after a failover to a read-only standby records wait, and are written once there is a primary", async () => {
  const { database, start } = await setStage(stack);
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
  const { proxy, database, start, dataDir } = await setStage(stack);
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
  const { database, start, openAiUrl } = await setStage(stack);
  const service = await start({
    MODELTIER_GRACE_SECONDS: "30",
    MODELTIER_PROVIDERS: "primary",
    PRIMARY_BASE_URL: openAiUrl,
    PRIMARY_API_KEY: "key",
  });
  await hasTables(database);
  const { router } = callerOf(service);
  const model = "primary/one!stall=5";
  const running = Array.from({ length: 20 }, () =>
    call(router, "agent", "", { model, maxOutputTokens: 2_000 }),
  );
  const isRouted = async () =>
    (await metric(service, "modeltier_routing_decisions_total")) === running.length;
  expect(await holdsWithin(10_000, isRouted)).toBe(true);
  await sleep(300);
  void service.stop();
  await sleep(200);
  process.kill(service.pid, "SIGKILL");
  const accepted = (await Promise.all(running)).filter(({ decision }) => decision !== undefined).length;
  expect(accepted).toBe(20);
  await start();
  expect(await holdsWithin(30_000, async () => (await countRows(database)) >= accepted)).toBe(true);
  const { rows } = await database.query(
    "select distinct status, failure_reason from orchestration_executions",
  );
  expect(rows).toEqual([{ status: "failed", failure_reason: "INTERRUPTED" }]);
});
