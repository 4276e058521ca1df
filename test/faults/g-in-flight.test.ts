/** G09: configurations that are published while answers are under way. */
import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Role } from "../../gen/modeltier/v1/completion_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { ModelTargetSchema } from "../../gen/modeltier/v1/routing_pb.js";
import { type ConfigRig, edited, publishNext, type Replica, startConfigRig } from "./rig/config-replicas.ts";
import { holdsWithin } from "./rig/rig.ts";

const STREAMS = 1_000;
/** 100 streams each. */
const CONNECTIONS = 12;
const PUBLISHES = 3;
/** No target of the first configuration. */
const NEW = "gpt-4o";

let rig: ConfigRig;
let replica: Replica;
beforeAll(async () => {
  rig = await startConfigRig();
  replica = await rig.start({ MODELTIER_SANDBOX_TOKENS_PER_SECOND: "20" });
});
afterAll(() => rig?.stop());

it("G09 1,000 answers under way keep the configuration they were decided by", async () => {
  const version = await publishNext(replica);
  const baseUrl = `http://${replica.service.grpcAddress}`;
  const clients = Array.from({ length: CONNECTIONS }, () =>
    createClient(RouterService, createGrpcTransport({ baseUrl })),
  );
  let speaking = 0;
  const answers = Array.from({ length: STREAMS }, async (_, index) => {
    const client = clients[index % CONNECTIONS] as (typeof clients)[number];
    const events = client.complete({
      routing: { case: "route", value: { agentId: `agent-${index}`, agentAis: { combinedScore: 5 } } },
      messages: [{ role: Role.USER, parts: [{ content: { case: "text", value: "[tokens=200]" } }] }],
    });
    let decidedBy = 0;
    let served = "";
    let hasText = false;
    for await (const { event } of events) {
      if (event.case === "decision") decidedBy = Number(event.value.configVersion);
      if (event.case === "textDelta") {
        if (!hasText) speaking += 1;
        hasText = true;
      }
      if (event.case === "completed") served = event.value.model;
    }
    return { decidedBy, served };
  });
  expect(await holdsWithin(20_000, () => speaking === STREAMS)).toBe(true);
  for (let count = 0; count < PUBLISHES; count += 1) await publishNext(replica);
  const moved = await edited(replica, (draft) => {
    draft.tiers?.balanced?.targets.splice(
      0,
      3,
      create(ModelTargetSchema, { provider: "openai", model: NEW }),
    );
  });
  await replica.config.publishConfig(moved);
  expect(await replica.version()).toBe(version + PUBLISHES + 1);

  const ended = await Promise.all(answers);
  expect(new Set(ended.map(({ decidedBy }) => decidedBy))).toEqual(new Set([version]));
  expect(ended.map(({ served }) => served)).not.toContain(NEW);
  const rows = async () =>
    (
      await rig.database.query(
        "select config_version::int as version, count(*)::int as count from orchestration_executions group by 1",
      )
    ).rows;
  expect(await holdsWithin(10_000, async () => (await rows())[0]?.count === STREAMS)).toBe(true);
  expect(await rows()).toEqual([{ version, count: STREAMS }]);
});
