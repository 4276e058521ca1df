/** Every worker is a replica like any other. */
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ConfigService } from "../../gen/modeltier/v1/config_service_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { type ConfigRig, publishNext, type Replica, startConfigRig } from "../faults/rig/config-replicas.ts";
import { holdsWithin } from "../faults/rig/rig.ts";

const WORKERS = 3;

let rig: ConfigRig;
let replica: Replica;
beforeAll(async () => {
  rig = await startConfigRig();
  replica = await rig.start({ MODELTIER_WORKERS: String(WORKERS) });
});
afterAll(() => rig?.stop());

it("a configuration that one worker publishes decides at all of them", async () => {
  // A connection of its own each time, which the primary gives to the next worker.
  const transport = createConnectTransport({
    baseUrl: replica.service.httpUrl,
    httpVersion: "1.1",
    nodeOptions: { agent: false },
  });
  const router = createClient(RouterService, transport);
  const versions = () =>
    Promise.all(
      Array.from({ length: 2 * WORKERS }, async () => {
        const { decision } = await router.route({ agentId: "a", withoutDecisionToken: true });
        return Number(decision?.configVersion);
      }),
    );
  const version = await publishNext({ config: createClient(ConfigService, transport) });
  expect(await holdsWithin(5_000, async () => (await versions()).every((one) => one === version))).toBe(true);
  expect(await holdsWithin(5_000, async () => (await replica.gauge()) === version)).toBe(true);
});
