/** D and O: what can happen to the embedded database and to the disk it is on. */
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import pg from "pg";
import { afterEach, expect, it } from "vitest";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { startSandbox } from "../../src/sandbox/sandbox.ts";
import { startDatabaseProxy } from "../support/database-proxy.ts";
import { copyCluster, copyEmptyCluster } from "../support/embedded-folder.ts";
import { startPostgres } from "../support/postgres.ts";
import { type RunningService, type ServiceOptions, startService } from "../support/service.ts";
import { startup } from "../support/wire.ts";
import { call, type Heard } from "./rig/call.ts";
import { providersOf } from "./rig/replicas.ts";
import { holdsWithin } from "./rig/rig.ts";
import { CAN_MOUNT, fill, withSmallDisk } from "./rig/small-disk.ts";

const MIB = 1024 * 1024;

let stack = new AsyncDisposableStack();
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "mt-"));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function providers(): Promise<Readonly<Record<string, string>>> {
  const sandbox = await startSandbox({ tokensPerSecond: 4_000 });
  stack.defer(() => sandbox.close());
  return providersOf(sandbox);
}

async function start(options: ServiceOptions & { dataDir: string }): Promise<RunningService> {
  const service = await startService(options);
  stack.defer(async () => void (await service.stop("SIGKILL")));
  return service;
}

const SOCKET_NAME = ".s.PGSQL.5432";
/** As the service sees its folder, whatever is mounted there. */
const seenBy = ({ pid }: RunningService, folder: string): string => `/proc/${pid}/root${folder}`;

/** A message that the engine does not survive. @param folder of its socket */
function breakEngine(folder: string): void {
  const visitor = connect(join(folder, SOCKET_NAME));
  visitor.on("error", () => undefined).resume();
  visitor.write(startup("no NUL at the end"));
}

async function countRows(host: string): Promise<number> {
  const client = new pg.Client({
    host,
    user: "postgres",
    database: "postgres",
    connectionTimeoutMillis: 5_000,
  });
  client.on("error", () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query("select count(*)::int as count from orchestration_executions");
    return rows[0].count;
  } catch {
    return -1;
  } finally {
    await client.end().catch(() => undefined);
  }
}

const callsTo = ({ grpcAddress }: RunningService) => {
  const router = createClient(RouterService, createGrpcTransport({ baseUrl: `http://${grpcAddress}` }));
  const ask = () => call(router, "agent", "", { model: "openai/gpt-4o-mini", maxOutputTokens: 10 });
  return (count: number): Promise<Heard[]> => Promise.all(Array.from({ length: count }, ask));
};

const failures = (heard: readonly Heard[]) =>
  heard.filter(({ completed }) => completed === undefined).map(({ error }) => error?.whole);

it("D15 a second process on the folder of a living one ends and names it; a dead one's folder is taken over", async () => {
  const dataDir = makeFolder();
  await copyCluster(dataDir);
  const env = await providers();
  const first = await start({ dataDir, env });
  const refusal = await startService({ dataDir, env }).catch((error: unknown) => error);
  expect(String(refusal)).toMatch(/the service ended with 1/);
  expect(String(refusal)).toContain(`in use by process ${first.pid}.`);
  expect(failures(await callsTo(first)(5))).toEqual([]);
  await first.stop("SIGKILL");
  await start({ dataDir, env });
  expect(await holdsWithin(30_000, async () => (await countRows(dataDir)) === 5)).toBe(true);
});

it("O13 the embedded database's thread dies under load: calls go on, and every record arrives", async () => {
  const dataDir = makeFolder();
  await copyCluster(dataDir);
  const service = await start({ dataDir, env: await providers() });
  const calls = callsTo(service);
  const heard: Heard[] = await calls(20);
  for (let death = 0; death < 3; death += 1) {
    breakEngine(dataDir);
    heard.push(...(await calls(20)));
    await holdsWithin(30_000, async () => (await countRows(dataDir)) >= 0);
  }
  expect(failures(heard)).toEqual([]);
  expect(await holdsWithin(60_000, async () => (await countRows(dataDir)) === 80)).toBe(true);
  expect(service.output().stderr).toContain("The embedded database is back");
});

it.skipIf(!CAN_MOUNT)(
  "D12 the embedded database's disk is full: calls go on, and every record arrives once there is room",
  async () => {
    const cluster = makeFolder();
    await copyEmptyCluster(cluster); // one that has nothing to write again of its start can be opened without room
    const dataDir = makeFolder();
    const under = withSmallDisk(dataDir, 160 * MIB, cluster);
    const env = { ...(await providers()), MODELTIER_SPOOL_DIR: makeFolder() };
    const service = await start({ dataDir, under, env });
    const seen = seenBy(service, dataDir);
    const calls = callsTo(service);
    expect(failures(await calls(10))).toEqual([]);
    expect(await holdsWithin(30_000, async () => (await countRows(seen)) === 10)).toBe(true);
    const giveBack = fill(service.pid, dataDir);
    for (let round = 0; round < 10; round += 1) expect(failures(await calls(50))).toEqual([]);
    await holdsWithin(10_000, () => service.output().stderr.includes("cannot be written"));
    // It has to be opened again where there may be no room to open it: that goes on in the background, and calls do, too.
    breakEngine(seen);
    const hasTried = () => /The embedded database (does not start|is back)/.test(service.output().stderr);
    expect(await holdsWithin(30_000, hasTried)).toBe(true);
    for (let round = 0; round < 4; round += 1) expect(failures(await calls(50))).toEqual([]);
    giveBack();
    expect(await holdsWithin(60_000, async () => (await countRows(seen)) === 710)).toBe(true);
    expect(failures(await calls(1))).toEqual([]);
  },
);

it.skipIf(!CAN_MOUNT)(
  "D12 a first start on a full disk ends, and says which folder and what to do",
  async () => {
    const dataDir = makeFolder();
    const env = { ...(await providers()), MODELTIER_SPOOL_DIR: makeFolder() };
    const refusal = await startService({ dataDir, env, under: withSmallDisk(dataDir, 64 * 1024) }).catch(
      String,
    );
    expect(refusal).toContain("the service ended with 1");
    expect(refusal).toContain(`The embedded database cannot be opened in ${dataDir}`);
    expect(refusal).toMatch(/full.*Make room.*MODELTIER_DATA_DIR/);
  },
);

it.skipIf(!CAN_MOUNT)(
  "D11 the spool's disk is full: calls are refused with the reason, and no answered call is lost",
  async () => {
    const postgres = await startPostgres();
    stack.defer(() => postgres.stop());
    const proxy = await startDatabaseProxy(postgres.socketFolder);
    stack.defer(() => proxy.close());
    const url = new URL(await postgres.createDatabase());
    const database = new pg.Client({ connectionString: url.href });
    await database.connect();
    stack.defer(() => database.end());
    url.searchParams.set("host", proxy.socketFolder);
    const spoolDir = makeFolder();
    const service = await start({
      dataDir: makeFolder(),
      under: withSmallDisk(spoolDir, 5 * MIB),
      env: {
        ...(await providers()),
        DATABASE_URL: url.href,
        MODELTIER_SPOOL_DIR: spoolDir,
        MODELTIER_SPOOL_BYTES: String(8 * MIB),
      },
    });
    await proxy.goDown();
    const calls = callsTo(service);
    let answered = 0;
    let refused: Heard | undefined;
    for (let round = 0; refused === undefined && round < 200; round += 1) {
      const heard = await calls(50);
      answered += heard.filter(({ completed }) => completed !== undefined).length;
      refused = heard.find(({ error }) => error !== undefined);
    }
    expect(refused?.error).toMatchObject({ code: Code.ResourceExhausted, reason: "RECORDS_DISK_FULL" });
    await proxy.comeBack();
    const count = async () =>
      (await database.query("select count(*)::int as count from orchestration_executions")).rows[0].count;
    expect(await holdsWithin(60_000, async () => (await count().catch(() => 0)) === answered)).toBe(true);
    expect(await holdsWithin(30_000, async () => failures(await calls(1)).length === 0)).toBe(true);
  },
);
