/** G09: configurations that are published while answers are under way. */
import { create } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Role } from "../../gen/modeltier/v1/completion_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { ModelTargetSchema } from "../../gen/modeltier/v1/routing_pb.js";
import { type ConfigRig, edited, publishNext, type Replica, startConfigRig } from "./rig/config-replicas.ts";
import { holdsWithin } from "./rig/rig.ts";

const STREAMS = 1_000;
/** Started at once; the next when these speak, since what is shown is not how many connections can begin together. */
const GROUP = 100;
/** 100 streams each. */
const CONNECTIONS = 12;
const PUBLISHES = 3;
/** No target of the first configuration. */
const NEW = "gpt-4o";
/** Long enough for the last to begin and the configurations to be published. */
const PROMPT = "[tokens=120]";

let rig: ConfigRig;
let replica: Replica;
beforeAll(async () => {
  rig = await startConfigRig();
  replica = await rig.start({
    MODELTIER_SANDBOX_TOKENS_PER_SECOND: "4",
    // A slow machine is no fault of the provider's, and no reason to refuse an answer.
    MODELTIER_MAX_LAG_MS: "10000",
    MODELTIER_HEADERS_TIMEOUT_MS: "60000",
    MODELTIER_FIRST_TOKEN_TIMEOUT_MS: "60000",
    MODELTIER_BYTE_SILENCE_MS: "60000",
  });
});
afterAll(() => rig?.stop());

class Answer {
  decidedBy = 0;
  served = "";
  isSpeaking = false;
  hasEnded = false;
  readonly ended: Promise<void>;

  constructor(client: Client<typeof RouterService>, agentId: string) {
    this.ended = this.#read(client, agentId).finally(() => {
      this.hasEnded = true;
    });
  }

  async #read(client: Client<typeof RouterService>, agentId: string): Promise<void> {
    const events = client.complete({
      routing: { case: "route", value: { agentId, agentAis: { combinedScore: 5 } } },
      messages: [{ role: Role.USER, parts: [{ content: { case: "text", value: PROMPT } }] }],
    });
    for await (const { event } of events) {
      if (event.case === "decision") this.decidedBy = Number(event.value.configVersion);
      else if (event.case === "textDelta") this.isSpeaking = true;
      else if (event.case === "completed") this.served = event.value.model;
    }
  }
}

it("G09 1,000 answers under way keep the configuration they were decided by", {
  timeout: 240_000,
}, async () => {
  const version = await publishNext(replica);
  const baseUrl = `http://${replica.service.grpcAddress}`;
  const clients = Array.from({ length: CONNECTIONS }, () =>
    createClient(RouterService, createGrpcTransport({ baseUrl })),
  );
  const answers: Answer[] = [];
  while (answers.length < STREAMS) {
    for (let count = 0; count < GROUP; count += 1) {
      const client = clients[answers.length % CONNECTIONS] as Client<typeof RouterService>;
      answers.push(new Answer(client, `agent-${answers.length}`));
    }
    expect(await holdsWithin(60_000, () => answers.every(({ isSpeaking }) => isSpeaking))).toBe(true);
  }
  for (let count = 0; count < PUBLISHES; count += 1) await publishNext(replica);
  const moved = await edited(replica, (draft) => {
    draft.tiers?.balanced?.targets.splice(
      0,
      3,
      create(ModelTargetSchema, { provider: "openai", model: NEW }),
    );
  });
  await replica.config.publishConfig(moved);
  expect(answers.filter(({ hasEnded }) => !hasEnded).length).toBeGreaterThan(STREAMS / 2);
  expect(await replica.version()).toBe(version + PUBLISHES + 1);

  await Promise.all(answers.map(({ ended }) => ended));
  expect(new Set(answers.map(({ decidedBy }) => decidedBy))).toEqual(new Set([version]));
  expect(answers.map(({ served }) => served)).not.toContain(NEW);
  const rows = async () => (await rig.database.query(ROWS)).rows;
  expect(await holdsWithin(30_000, async () => (await rows())[0]?.count === STREAMS)).toBe(true);
  expect(await rows()).toEqual([{ version, count: STREAMS }]);
});

const ROWS = `select config_version::int as version, count(*)::int as count
  from orchestration_executions group by 1`;
