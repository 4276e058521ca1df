/** A service whose scores are not those that its calibration means, and whose dearest tier was seen to fail. */
import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import pg from "pg";
import { ConfigService } from "../../gen/modeltier/v1/config_service_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { AgentScoreConfigSchema } from "../../gen/modeltier/v1/routing_config_pb.js";
import { learn, newAgent, newFleet } from "../../src/agent-score/agent-score.ts";
import { DEFAULT_LEARNING } from "../../src/agent-score/types.ts";
import { databaseOf } from "../support/database-of.ts";
import type { RunningService } from "../support/service.ts";

const transportTo = ({ grpcAddress }: RunningService) =>
  createGrpcTransport({ baseUrl: `http://${grpcAddress}` });

/** The calibrated scorer looks on, and outcomes are learned from: those that are there say that powerful fails. */
export async function watchQuality(service: RunningService): Promise<void> {
  await writeOutcomes(service);
  const configs = createClient(ConfigService, transportTo(service));
  const { config, version } = await configs.getConfig({});
  if (config === undefined) throw new Error("no configuration");
  await configs.publishConfig({
    basedOn: version?.version ?? 0n,
    config: {
      ...config,
      shadowScorer: "calibrated",
      agentScore: create(AgentScoreConfigSchema, {
        learn: true,
        halfLife: { seconds: 2_592_000n },
        feedbackWait: { seconds: 600n },
      }),
    },
  });
}

async function writeOutcomes(service: RunningService): Promise<void> {
  let fleet = newFleet();
  for (let outcome = 0; outcome < 200; outcome += 1) {
    for (const tier of ["fast", "powerful"] as const) {
      const quality = Number(outcome % 10 < (tier === "fast" ? 9 : 2));
      ({ fleet } = learn(fleet, newAgent(), { tier, quality, step: 5, atMs: Date.now() }, DEFAULT_LEARNING));
    }
  }
  const client = new pg.Client(databaseOf(service));
  await client.connect();
  await client.query("insert into fleet_scores (state) values ($1)", [JSON.stringify(fleet)]);
  await client.end();
}

/** As many scores as the alert on their drift asks for, all of them alike. */
export async function routeAlike(service: RunningService): Promise<void> {
  const router = createClient(RouterService, transportTo(service));
  await Promise.all(
    Array.from({ length: 300 }, () => router.route({ agentId: "alike", step: { prompt: "Say hello" } })),
  );
}
