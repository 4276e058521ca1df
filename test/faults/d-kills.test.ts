/**
 * D: the process is killed, again and again, while it answers. Five times on each engine; MODELTIER_FAULTS=all makes it two
 * hundred.
 */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts";
import { databaseOf } from "../support/database-of.ts";
import { copyCluster } from "../support/embedded-folder.ts";
import { startPostgres } from "../support/postgres.ts";
import { type RunningService, startService } from "../support/service.ts";
import { call } from "./rig/call.ts";
import { providersOf } from "./rig/replicas.ts";
import { holdsWithin } from "./rig/rig.ts";
import { isThorough } from "./rig/thorough.ts";

const KILLS = isThorough ? 200 : 5;
const CALLERS = 8;
const LIMIT_MS = KILLS * 30_000;

/** The same moments at every run. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** What callers heard: the costs of whole answers, and accepted calls, each by decision. */
type Told = { acknowledged: Map<string, bigint>; accepted: Set<string> };

/** Calls until the service is gone. Some answers are long, so that kills meet calls in flight. */
async function callUntilGone(service: RunningService, told: Told, caller: number): Promise<void> {
  const router = createClient(
    RouterService,
    createGrpcTransport({ baseUrl: `http://${service.grpcAddress}` }),
  );
  for (let number = 0; ; number += 1) {
    const maxOutputTokens = (caller + number) % 4 === 0 ? 400 : 10;
    const heard = await call(router, `agent-${caller}`, "", { model: "openai/gpt-4o-mini", maxOutputTokens });
    const id = heard.decision?.decisionId;
    if (id !== undefined) told.accepted.add(id);
    if (id === undefined || heard.completed === undefined) return;
    told.acknowledged.set(id, heard.completed.costNanoUsd);
  }
}

type Row = Readonly<{ id: string; status: string; reason: string | null; cost: string; attempts: number }>;

async function readRows(database: pg.Client): Promise<readonly Row[]> {
  const { rows } = await database.query(`select decision_id as id, status, failure_reason as reason,
    cost_nano_usd::text as cost, (select count(*)::int from ai_analytics a where a.execution_id = e.execution_id) as attempts
    from orchestration_executions e`);
  return rows;
}

async function connectTo(service: RunningService, url: string | undefined): Promise<pg.Client> {
  const client = new pg.Client(databaseOf(service, url));
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

describe.each(["postgres", "pglite"] as const)("D08 kill -9 at random, on %s", (engine) => {
  const stack = new AsyncDisposableStack();
  let sandbox: Sandbox;
  let databaseUrl: string | undefined;
  let dataDir: string;
  beforeAll(async () => {
    sandbox = await startSandbox({ tokensPerSecond: 400 });
    stack.defer(() => sandbox.close());
    dataDir = mkdtempSync(join(tmpdir(), "mt-"));
    stack.defer(() => rmSync(dataDir, { recursive: true, force: true }));
    if (engine === "pglite") return copyCluster(dataDir);
    const postgres = await startPostgres();
    stack.defer(() => postgres.stop());
    databaseUrl = await postgres.createDatabase();
  });
  afterAll(() => stack.disposeAsync());

  const start = () =>
    startService({
      dataDir,
      env: { ...providersOf(sandbox), ...(databaseUrl !== undefined && { DATABASE_URL: databaseUrl }) },
    });

  it(`${KILLS} times: every acknowledged execution is there once, every accepted one is there`, {
    timeout: LIMIT_MS,
  }, async () => {
    const random = randomFrom(engine === "pglite" ? 11 : 7);
    const told: Told = { acknowledged: new Map(), accepted: new Set() };
    for (let kill = 0; kill < KILLS; kill += 1) {
      const service = await start();
      const callers = Array.from({ length: CALLERS }, (_, caller) => callUntilGone(service, told, caller));
      const before = told.accepted.size;
      await holdsWithin(10_000, () => told.accepted.size > before); // a busy machine is slow to begin
      await sleep(50 + random() * 700);
      await service.stop("SIGKILL");
      await Promise.all(callers);
    }
    const service = await start();
    stack.defer(async () => void (await service.stop()));
    const database = await connectTo(service, databaseUrl);
    stack.defer(() => database.end());
    let rows: readonly Row[] = [];
    const isComplete = async (): Promise<boolean> => {
      rows = await readRows(database);
      const ids = new Set(rows.map(({ id }) => id));
      return [...told.accepted].every((id) => ids.has(id));
    };
    expect(await holdsWithin(60_000, isComplete)).toBe(true);
    const byId = new Map(rows.map((row) => [row.id, row]));
    expect(byId.size).toBe(rows.length);
    expect(told.acknowledged.size).toBeGreaterThan(KILLS);
    for (const [id, cost] of told.acknowledged) {
      expect(byId.get(id), id).toMatchObject({ status: "ok", cost: cost.toString(), attempts: 1 });
    }
    const unseen = [...told.accepted].filter((id) => !told.acknowledged.has(id)).map((id) => byId.get(id));
    expect(unseen.length).toBeGreaterThan(0);
    // The answer may have been on its way when the process went.
    for (const row of unseen) expect([row?.status, row?.reason]).toSatisfy(isEndOrInterruption);
    expect(unseen.some((row) => row?.reason === "INTERRUPTED")).toBe(true);
    const { rows: sums } = await database.query(`select
      (select count(*) from orchestration_executions) = (select sum(executions) from execution_rollups) as executions,
      (select count(*) from ai_analytics) = (select sum(calls) from attempt_rollups) as attempts,
      (select sum(cost_nano_usd) from ai_analytics) = (select sum(cost_nano_usd) from attempt_rollups) as cost`);
    expect(sums).toEqual([{ executions: true, attempts: true, cost: true }]);
    await service.stop();
    expect(readdirSync(join(dataDir, "spool", "0"))).toEqual(["modeltier.lock"]);
  });
});

const isEndOrInterruption = ([status, reason]: readonly unknown[]): boolean =>
  status === "ok" || (status === "failed" && reason === "INTERRUPTED");
