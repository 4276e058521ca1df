/** How several workers start, die and end: together, and none outlives the others' parent. */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { type RunningService, type ServiceOptions, startService } from "../support/service.ts";
import {
  ask,
  begin,
  isAlive,
  logged,
  overGrpc,
  untilListened,
  watchHealth,
  workerPids,
} from "../support/workers.ts";

const WORKERS = 2;
const GONE = "a worker is gone; another takes its place";

let postgres: TestPostgres;
let database: string;
let sandbox: Sandbox;
let service: RunningService | undefined;
beforeAll(async () => {
  postgres = await startPostgres();
  database = await postgres.createDatabase();
  sandbox = await startSandbox({ tokensPerSecond: 20 });
});
afterEach(() => service?.stop("SIGKILL"));
afterAll(async () => {
  await sandbox.close();
  await postgres.stop();
});

/** Two workers whose provider outlives them. */
async function start(
  env: ServiceOptions["env"] = {},
  options: Omit<ServiceOptions, "env"> = {},
): Promise<RunningService> {
  service = await startService({
    ...options,
    env: {
      DATABASE_URL: database,
      MODELTIER_WORKERS: String(WORKERS),
      OPENAI_API_KEY: "sk-test",
      OPENAI_BASE_URL: sandbox.baseUrls.openai,
      ...env,
    },
  });
  await untilListened(service, WORKERS); // the log comes by another pipe than the banner
  return service;
}

/** A call at every worker, twice. */
const beginEverywhere = (running: RunningService) =>
  Promise.all(Array.from({ length: 2 * WORKERS }, () => begin(running, "Write 30 tokens")));

const lastOf = (calls: readonly { last: Promise<string> }[]) => Promise.all(calls.map(({ last }) => last));
const allGone = (pids: readonly number[]) =>
  expect.poll(() => pids.filter(isAlive), { timeout: 20_000 }).toEqual([]);

describe("the start of several workers", () => {
  it("is refused without a Postgres, by name", async () => {
    await expect(startService({ env: { MODELTIER_WORKERS: "2" } })).rejects.toThrow(
      /ended with 1:[\s\S]*MODELTIER_WORKERS is 2 and DATABASE_URL is not set/,
    );
  });

  it.each(["MODELTIER_GRPC_PORT", "MODELTIER_HTTP_PORT"])(
    "fails when %s is taken, said once",
    async (name) => {
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      const port = String((server.address() as AddressInfo).port);
      const failure = await start({ [name]: port }).then(() => "it started", String);
      server.close();
      expect(failure).toMatch(/ended with 1/);
      expect(failure.match(/could not start: listen EADDRINUSE: address already in use/g)).toHaveLength(1);
    },
  );

  it("fails with what a worker says when it cannot start, said once", async () => {
    const failure = await start({ MODELTIER_TIER_FAST: "openai/gpt-4o,openai/gpt-4o" }).then(
      () => "it started",
      String,
    );
    expect(failure).toMatch(/ended with 1/);
    expect(failure.match(/could not start: the settings have a problem/g)).toHaveLength(1);
  });
});

describe("the death of a worker", () => {
  it("is made good on the same ports, even when none was left that had them", async () => {
    const running = await start();
    for (const pid of workerPids(running)) process.kill(pid, "SIGKILL");
    await untilListened(running, 2 * WORKERS);
    const { completed } = await overGrpc(running).completeOnce({ request: ask("hello") });
    expect(completed?.provider).toBe("openai");
    expect(logged(running, GONE).length).toBeGreaterThanOrEqual(WORKERS); // one that was just starting starts again
    expect(await running.stop()).toBe(0);
  });

  it("leaves the calls at the other alone, and one asked to end alone ends its calls first", async () => {
    const running = await start();
    const calls = await beginEverywhere(running);
    process.kill(workerPids(running)[0] as number, "SIGTERM");
    expect(await lastOf(calls)).toEqual(calls.map(() => "completed"));
    await untilListened(running, WORKERS + 1);
    expect(logged(running, GONE)).toMatchObject([{ code: 0 }]);
  });
});

describe("the end of several workers", () => {
  it("lets calls in flight at every one of them end, and exits with 0", async () => {
    const running = await start();
    const pids = workerPids(running);
    const calls = await beginEverywhere(running);
    const healths = await Promise.all([watchHealth(running), watchHealth(running)]);
    expect(healths).toEqual([["SERVING"], ["SERVING"]]);
    let ended = 0;
    for (const { last } of calls) last.then(() => ended++);
    const exited = running.stop("SIGTERM");
    await expect
      .poll(() => healths.map((statuses) => statuses.at(-1)))
      .toEqual(["NOT_SERVING", "NOT_SERVING"]);
    expect(ended).toBe(0);
    expect(await lastOf(calls)).toEqual(calls.map(() => "completed"));
    expect(await exited).toBe(0);
    const workers = logged(running, "an execution ended").map(({ worker }) => worker);
    expect(workers).toHaveLength(calls.length);
    expect(new Set(workers)).toEqual(new Set([1, 2])); // in turn, as far as both are free to accept
    expect(pids.filter(isAlive)).toEqual([]);
    expect(logged(running, GONE)).toEqual([]);
  });

  it("is the same when the signal reaches every process of the group", async () => {
    const running = await start();
    const calls = await beginEverywhere(running);
    for (const pid of workerPids(running)) process.kill(pid, "SIGINT");
    const exited = running.stop("SIGINT");
    expect(await lastOf(calls)).toEqual(calls.map(() => "completed"));
    expect(await exited).toBe(0);
    expect(logged(running, GONE)).toEqual([]);
    expect(workerPids(running)).toEqual([]);
  });

  it("comes at once when it is asked for twice", async () => {
    const running = await start();
    const pids = workerPids(running);
    const calls = await Promise.all([begin(running, "Write 200 tokens"), begin(running, "Write 200 tokens")]);
    const ends = Promise.allSettled(calls.map(({ last }) => last));
    process.kill(running.pid, "SIGTERM");
    await expect.poll(() => logged(running, "stopping; calls in flight may end").length).toBe(1);
    expect(await running.stop("SIGTERM")).toBe(1);
    expect(await ends).toMatchObject([{ status: "rejected" }, { status: "rejected" }]);
    await allGone(pids);
  });

  it("comes to a worker that hangs when the others have ended, and is told by the exit code", async () => {
    const running = await start({ MODELTIER_GRACE_SECONDS: "0.2" });
    const pids = workerPids(running);
    process.kill(pids[0] as number, "SIGSTOP");
    expect(await running.stop("SIGTERM")).toBe(1);
    expect(pids.filter(isAlive)).toEqual([]);
  });

  it("comes to workers whose primary was killed, after their calls", async () => {
    const dataDir = mkdtempSync(join(tmpdir(), "mt-orphans-")); // which outlives the primary, as its workers do
    const running = await start({}, { dataDir });
    const pids = workerPids(running);
    const calls = await beginEverywhere(running);
    await running.stop("SIGKILL");
    expect(pids.filter(isAlive)).toEqual(pids);
    expect(await lastOf(calls)).toEqual(calls.map(() => "completed"));
    await allGone(pids);
    expect(running.output().stderr).not.toContain("may not have reached the disk");
    rmSync(dataDir, { recursive: true });
  });
});
