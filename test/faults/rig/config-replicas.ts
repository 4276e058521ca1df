/** Replicas of the service on one real Postgres, and what operators do to their configuration. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clone } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import pg from "pg";
import { ConfigService } from "../../../gen/modeltier/v1/config_service_pb.js";
import { RouterService } from "../../../gen/modeltier/v1/router_service_pb.js";
import { type RoutingConfig, RoutingConfigSchema } from "../../../gen/modeltier/v1/routing_config_pb.js";
import { startPostgres, type TestPostgres } from "../../support/postgres.ts";
import { type RunningService, startService } from "../../support/service.ts";

export type Replica = Readonly<{
  service: RunningService;
  config: Client<typeof ConfigService>;
  router: Client<typeof RouterService>;
  /** The version it decides by. */
  version(): Promise<number>;
  /** Of the gauge. */
  gauge(): Promise<number>;
}>;

export type ConfigRig = Readonly<{
  postgres: TestPostgres;
  database: pg.Client;
  databaseUrl: string;
  /** @param url absent: the database itself; @param dataDir kept at the stop */
  start(env?: Readonly<Record<string, string>>, url?: string, dataDir?: string): Promise<Replica>;
  /** The same database behind another socket. */
  through(socketFolder: string): string;
  folder(): string;
  stop(): Promise<void>;
}>;

export async function startConfigRig(): Promise<ConfigRig> {
  const stack = new AsyncDisposableStack();
  const postgres = await startPostgres();
  stack.defer(() => postgres.stop());
  const databaseUrl = await postgres.createDatabase();
  const database = new pg.Client({ connectionString: databaseUrl });
  await database.connect();
  stack.defer(() => database.end());
  const folder = (): string => {
    const made = mkdtempSync(join(tmpdir(), "mt-"));
    stack.defer(() => rmSync(made, { recursive: true, force: true }));
    return made;
  };
  return {
    postgres,
    database,
    databaseUrl,
    folder,
    through(socketFolder) {
      const url = new URL(databaseUrl);
      url.searchParams.set("host", socketFolder);
      return url.href;
    },
    async start(env = {}, url = databaseUrl, dataDir = folder()) {
      const service = await startService({ env: { DATABASE_URL: url, ...env }, dataDir });
      stack.defer(async () => void (await service.stop()));
      return replicaOf(service);
    },
    stop: () => stack.disposeAsync(),
  };
}

export function replicaOf(service: RunningService): Replica {
  const transport = createGrpcTransport({ baseUrl: `http://${service.grpcAddress}` });
  const router = createClient(RouterService, transport);
  return {
    service,
    config: createClient(ConfigService, transport),
    router,
    async version() {
      const { decision } = await router.route({ agentId: "watcher", withoutDecisionToken: true });
      return Number(decision?.configVersion);
    },
    async gauge() {
      const text = await (await fetch(`${service.httpUrl}/metrics`)).text();
      return Number(/^modeltier_config_version (\d+)/m.exec(text)?.[1]);
    },
  };
}

/** The configuration in force with something changed. */
export async function edited(
  { config }: Pick<Replica, "config">,
  change: (draft: RoutingConfig) => unknown,
): Promise<Readonly<{ config: RoutingConfig; basedOn: bigint }>> {
  const { config: current, versionInForce } = await config.getConfig({});
  if (current === undefined) throw new Error("there is no configuration");
  const draft = clone(RoutingConfigSchema, current);
  change(draft);
  return { config: draft, basedOn: versionInForce };
}

/** Publishes a change of a harmless number. @returns the new version */
export async function publishNext(replica: Pick<Replica, "config">): Promise<number> {
  const next = await edited(replica, (draft) => {
    draft.failureLimit = (draft.failureLimit % 100) + 1;
  });
  const { version } = await replica.config.publishConfig({ ...next, comment: "a test", author: "tester" });
  return Number(version?.version);
}

/** How long until the replica decides by the version, in ms from now. */
export async function msUntil(replica: Pick<Replica, "version">, version: number): Promise<number> {
  const startedMs = performance.now();
  while ((await replica.version()) < version) {
    if (performance.now() - startedMs > 30_000) return Number.POSITIVE_INFINITY;
  }
  return performance.now() - startedMs;
}

export const percentile = (samples: readonly number[], share: number): number =>
  samples.toSorted((a, b) => a - b)[Math.ceil(samples.length * share) - 1] ?? Number.NaN;
