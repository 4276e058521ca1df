/** Several replicas of the service on one real Postgres, with one sandbox in the place of the providers. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import pg from "pg";
import { AccessService } from "../../../gen/modeltier/v1/access_service_pb.js";
import { RouterService } from "../../../gen/modeltier/v1/router_service_pb.js";
import { type Sandbox, startSandbox } from "../../../src/sandbox/sandbox.ts";
import { startPostgres } from "../../support/postgres.ts";
import { type RunningService, startService } from "../../support/service.ts";
import { type Ask, call, type Heard } from "./call.ts";

type Router = Client<typeof RouterService>;

/** To each replica: a connection carries 100 calls at once. */
const CONNECTIONS = 12;

export type Replica = Readonly<{
  service: RunningService;
  access: ReturnType<typeof accessOf>;
  call(agentId: string, ask: Ask): Promise<Heard>;
  metrics(): Promise<string>;
  /** As `kill -9`. */
  kill(): Promise<void>;
}>;

export type Replicas = Readonly<{
  sandbox: Sandbox;
  database: pg.Client;
  databaseUrl: string;
  replicas: readonly [Replica, ...Replica[]];
  stop(): Promise<void>;
}>;

/** @throws when one does not start; nothing is left running then */
export async function startReplicas(
  count: number,
  env: Readonly<Record<string, string>> = {},
): Promise<Replicas> {
  const stack = new AsyncDisposableStack();
  try {
    const sandbox = await startSandbox({ tokensPerSecond: 4_000 });
    stack.defer(() => sandbox.close());
    const postgres = await startPostgres();
    stack.defer(() => postgres.stop());
    const databaseUrl = await postgres.createDatabase();
    const database = new pg.Client({ connectionString: databaseUrl });
    await database.connect();
    stack.defer(() => database.end());
    const started: Replica[] = [];
    for (let number = 0; number < count; number += 1) {
      started.push(await startReplica(sandbox, { DATABASE_URL: databaseUrl, ...env }, stack));
    }
    const [first, ...rest] = started;
    if (first === undefined) throw new RangeError("there must be a replica");
    return {
      sandbox,
      database,
      databaseUrl,
      replicas: [first, ...rest],
      stop: () => stack.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function startReplica(
  sandbox: Sandbox,
  env: Readonly<Record<string, string>>,
  stack: AsyncDisposableStack,
): Promise<Replica> {
  const dataDir = mkdtempSync(join(tmpdir(), "mt-"));
  stack.defer(() => rmSync(dataDir, { recursive: true, force: true }));
  const service = await startService({ env: { ...providersOf(sandbox), ...env }, dataDir });
  let isKilled = false;
  stack.defer(async () => {
    if (!isKilled) await service.stop();
  });
  const routers = Array.from({ length: CONNECTIONS }, () =>
    createClient(RouterService, createGrpcTransport({ baseUrl: `http://${service.grpcAddress}` })),
  );
  let calls = 0;
  return {
    service,
    access: accessOf(service),
    call(agentId, ask) {
      calls += 1;
      return call(routers[calls % CONNECTIONS] as Router, agentId, "", ask);
    },
    metrics: async () => (await fetch(`${service.httpUrl}/metrics`)).text(),
    async kill() {
      isKilled = true;
      await service.stop("SIGKILL");
    },
  };
}

export const accessOf = ({ grpcAddress }: Pick<RunningService, "grpcAddress">) =>
  createClient(AccessService, createGrpcTransport({ baseUrl: `http://${grpcAddress}` }));

export const PROVIDER_KEY = "sk-CANARY-of-every-provider";

export const providersOf = ({ baseUrls }: Sandbox): Readonly<Record<string, string>> => ({
  MODELTIER_SANDBOX: "false",
  MODELTIER_RETIRED_MODELS: "try",
  OPENAI_BASE_URL: baseUrls.openai,
  OPENAI_API_KEY: PROVIDER_KEY,
  ANTHROPIC_BASE_URL: baseUrls.anthropic,
  ANTHROPIC_API_KEY: PROVIDER_KEY,
  KIMI_BASE_URL: baseUrls.kimi,
  KIMI_API_KEY: PROVIDER_KEY,
});
