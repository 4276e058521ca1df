/** O12: what the health protocol says, asked with grpc-js and the protocol's own proto. */

import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { credentials, loadPackageDefinition, type ServiceClientConstructor, status } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { protoPath } from "grpc-health-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { SERVICE_RULES } from "../../src/rpc/access-rules.ts";
import { type RunningService, startService } from "../support/service.ts";

type Answer = Readonly<{ status?: string; code?: number }>;
type Method = (...args: unknown[]) => AsyncIterable<Answer> & { cancel(): void };

let service: RunningService;
let health: Record<"Check" | "Watch" | "close", Method>;

beforeAll(async () => {
  // Nobody listens there: the database is down before the service starts, and stays so.
  service = await startService({ env: { DATABASE_URL: "postgresql://127.0.0.1:1/nowhere" } });
  const { grpc } = loadPackageDefinition(loadSync(protoPath, { enums: String })) as unknown as {
    grpc: { health: { v1: { Health: ServiceClientConstructor } } };
  };
  health = new grpc.health.v1.Health(
    service.grpcAddress,
    credentials.createInsecure(),
  ) as unknown as typeof health;
});
afterAll(async () => {
  health.close();
  await service.stop();
});

const check = (name: string): Promise<Answer> =>
  new Promise((resolve) => {
    health.Check({ service: name }, (error: Answer | null, answer: Answer) => resolve(error ?? answer));
  });

async function watch(name: string): Promise<Answer | undefined> {
  const stream = health.Watch({ service: name });
  try {
    for await (const answer of stream) return answer;
    return undefined;
  } finally {
    stream.cancel();
  }
}

const NAMES = ["", ...SERVICE_RULES.map(({ service: { typeName } }) => typeName)];

it("O12 the whole and each service by its name are SERVING, to Check and to Watch, also while the database is down", async () => {
  expect(NAMES).toContain("modeltier.v1.RouterService");
  for (const name of NAMES) {
    expect(await check(name), name).toMatchObject({ status: "SERVING" });
    expect(await watch(name), name).toMatchObject({ status: "SERVING" });
  }
  const router = createClient(
    RouterService,
    createGrpcTransport({ baseUrl: `http://${service.grpcAddress}` }),
  );
  expect((await router.route({ agentId: "a" })).decision?.model).not.toBe("");
});

it("O12 a name that is not served is NOT_FOUND to Check and SERVICE_UNKNOWN to Watch", async () => {
  for (const name of ["modeltier.v1.Nothing", "RouterService", " "]) {
    expect(await check(name), name).toMatchObject({ code: status.NOT_FOUND });
    expect(await watch(name), name).toMatchObject({ status: "SERVICE_UNKNOWN" });
  }
});
