/** O03: three replicas on one Postgres, restarted one after the other under a steady load of clients that take them in turn. */

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { credentials, loadPackageDefinition, type ServiceClientConstructor } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { expect, it } from "vitest";
import { ROOT } from "../support/clients.ts";
import { startPostgres } from "../support/postgres.ts";
import { type RunningService, startService } from "../support/service.ts";
import { isThorough } from "./rig/thorough.ts";

const CALLS_PER_SECOND = isThorough ? 200 : 40;
const CLIENTS = 4;
const REPLICAS = [0, 1, 2];

type Failure = Readonly<{ code: number; details: string }>;
type Completing = (
  request: object,
  answered: (error: Failure | null, answer?: { completed?: object }) => void,
) => void;

/** As a client of a Kubernetes service does it: all addresses are known, and each call goes to the next. */
function roundRobinClient(addresses: readonly string[]) {
  const { modeltier } = loadPackageDefinition(
    loadSync("modeltier/v1/router_service.proto", { includeDirs: [join(ROOT, "proto")], enums: String }),
  ) as unknown as { modeltier: { v1: { RouterService: ServiceClientConstructor } } };
  return new modeltier.v1.RouterService(`ipv4:${addresses.join(",")}`, credentials.createInsecure(), {
    "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
    "grpc.use_local_subchannel_pool": 1,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 500,
  });
}

it("O03 a rolling restart of three replicas fails no call", { timeout: 120_000 }, async () => {
  const postgres = await startPostgres();
  const url = await postgres.createDatabase();
  const start = (grpcPort = "0") =>
    startService({
      env: {
        DATABASE_URL: url,
        MODELTIER_GRPC_PORT: grpcPort,
        LOG_LEVEL: "warn",
        MODELTIER_MAX_LAG_MS: "10000", // others that keep this machine busy are no reason to refuse a call here
      },
    });
  const replicas: RunningService[] = [];
  for (const _ of REPLICAS) replicas.push(await start());
  const clients = Array.from({ length: CLIENTS }, () =>
    roundRobinClient(replicas.map(({ grpcAddress }) => grpcAddress)),
  );
  const failures: Failure[] = [];
  const calls: Promise<void>[] = [];
  const completeOnce = (number: number) =>
    new Promise<void>((resolve) => {
      const client = clients[number % CLIENTS] as (typeof clients)[number];
      const request = {
        request: {
          route: { agentId: "a" },
          messages: [{ role: "ROLE_USER", parts: [{ text: "Say hello" }] }],
        },
      };
      (client.CompleteOnce as unknown as Completing).call(client, request, (error, answer) => {
        if (error !== null || answer?.completed == null)
          failures.push({ code: error?.code ?? -1, details: error?.details ?? "no answer" });
        resolve();
      });
    });
  const load = setInterval(() => calls.push(completeOnce(calls.length)), 1_000 / CALLS_PER_SECOND);
  try {
    await sleep(500);
    for (const number of REPLICAS) {
      const old = replicas[number] as RunningService;
      const callsBefore = calls.length;
      expect(await old.stop("SIGTERM")).toBe(0);
      replicas[number] = await start(old.grpcAddress.split(":").at(-1));
      expect(calls.length).toBeGreaterThan(callsBefore);
      await sleep(1_000); // as a rollout waits for a replica to be ready, and clients find it again
    }
    clearInterval(load);
    await Promise.all(calls);
    expect(failures).toEqual([]);
    expect(calls.length).toBeGreaterThan(CALLS_PER_SECOND);
  } finally {
    clearInterval(load);
    for (const client of clients) client.close();
    await Promise.all(replicas.map((replica) => replica.stop()));
    await postgres.stop();
  }
});
