/** One replica on a real Postgres, behind a proxy that takes the database away. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import pg from "pg";
import { RouterService } from "../../../gen/modeltier/v1/router_service_pb.js";
import { startSandbox } from "../../../src/sandbox/sandbox.ts";
import { type DatabaseProxy, startDatabaseProxy } from "../../support/database-proxy.ts";
import { startPostgres } from "../../support/postgres.ts";
import { type RunningService, startService } from "../../support/service.ts";
import { call, type Heard } from "./call.ts";
import { providersOf } from "./replicas.ts";
import { holdsWithin } from "./rig.ts";

/** In every prompt. */
export const PROMPT_CANARY = "CANARY-PROMPT-0d5e11";

export type Stage = Readonly<{
  proxy: DatabaseProxy;
  /** Past the proxy. */
  database: pg.Client;
  /** The same. */
  databaseUrl: string;
  dataDir: string;
  /** Where a provider of OpenAI's dialect answers; faults go by model name there. */
  openAiUrl: string;
  start(env?: Readonly<Record<string, string>>, under?: readonly string[]): Promise<RunningService>;
}>;

/** Everything that a fault needs, until the stack is disposed of. */
export async function setStage(stack: AsyncDisposableStack): Promise<Stage> {
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
    databaseUrl: direct,
    dataDir,
    openAiUrl: sandbox.baseUrls.openai,
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

export function callerOf({ grpcAddress }: RunningService) {
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
export async function countRows(database: pg.Client): Promise<number> {
  try {
    const { rows } = await database.query("select count(*)::int as count from orchestration_executions");
    return rows[0].count;
  } catch {
    return 0;
  }
}

export async function metric({ httpUrl }: RunningService, name: string): Promise<number> {
  const text = await (await fetch(`${httpUrl}/metrics`)).text();
  const line = text.split("\n").find((each) => each.startsWith(name) && !each.startsWith("#"));
  return line === undefined ? 0 : Number(line.split(" ").at(-1));
}

/** Everything that a process left in its spool. */
export function readSpool(dataDir: string): string {
  const entries = readdirSync(join(dataDir, "spool"), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), "utf8")).join("\n");
}

export const rssOf = (pid: number): number =>
  1_024 * Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);

export const hasTables = (database: pg.Client): Promise<boolean> =>
  holdsWithin(30_000, async () => {
    const { rows } = await database.query("select to_regclass('execution_rollups') is not null as there");
    return rows[0].there;
  });

export const failures = (heard: readonly Heard[]) =>
  heard.filter(({ completed }) => completed === undefined).map(({ error }) => error?.whole);
