// Kimi against gpt-4o-mini for the balanced tier, from start to answer, on a service that runs against its sandbox. What a judge of the
// answers would say is drawn by chance: with these probabilities an answer of either model is good.
//   npx node examples/experiment/experiment.ts [--kimi 0.95] [--mini 0.95] [--margin 0.1] [--sessions 6000] [http://127.0.0.1:50051]
import { parseArgs } from "node:util";
import { clone, create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { Role } from "../../gen/modeltier/v1/completion_pb.js";
import { ConfigService } from "../../gen/modeltier/v1/config_service_pb.js";
import {
  ExperimentMetric,
  type ExperimentReport,
  ExperimentStatus,
  ExperimentUnit,
  ExperimentVerdict,
} from "../../gen/modeltier/v1/experiment_pb.js";
import { ExperimentService } from "../../gen/modeltier/v1/experiment_service_pb.js";
import { FeedbackService } from "../../gen/modeltier/v1/feedback_service_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { RoutingConfigSchema } from "../../gen/modeltier/v1/routing_config_pb.js";
import { ModelTargetSchema, Tier } from "../../gen/modeltier/v1/routing_pb.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kimi: { type: "string", default: "0.95" },
    mini: { type: "string", default: "0.95" },
    margin: { type: "string", default: "0.1" },
    sessions: { type: "string", default: "6000" },
  },
});
const transport = createGrpcTransport({ baseUrl: positionals[0] ?? "http://127.0.0.1:50051" });
const [configs, experiments, router, feedback] = [
  createClient(ConfigService, transport),
  createClient(ExperimentService, transport),
  createClient(RouterService, transport),
  createClient(FeedbackService, transport),
];
const GOOD: Readonly<Record<string, number>> = { kimi: Number(values.kimi), mini: Number(values.mini) };
/** Sessions at a time; between two such batches the report is looked at, as an impatient operator would. */
const AT_ONCE = 50;

/** The configuration in force with one model in the balanced tier. */
async function balancedBy(provider: string, model: string) {
  const { config } = await configs.getConfig({});
  if (config?.tiers?.balanced === undefined) throw new Error("the service gave no configuration");
  const changed = clone(RoutingConfigSchema, config);
  if (changed.tiers?.balanced) {
    changed.tiers.balanced.targets = [create(ModelTargetSchema, { provider, model })];
  }
  return changed;
}

const experimentId = `mini-for-balanced-${Date.now().toString(36)}`;
const fields = ["tiers.balanced.targets"];
await experiments.startExperiment({
  author: "example",
  experiment: {
    experimentId,
    description: "Is gpt-4o-mini no worse than Kimi in the balanced tier, and cheaper?",
    unit: ExperimentUnit.SESSION,
    arms: [
      { name: "kimi", weight: 1, fields, config: await balancedBy("kimi", "kimi-k2.6") },
      { name: "mini", weight: 1, fields, config: await balancedBy("openai", "gpt-4o-mini") },
    ],
    trafficShare: 1,
    question: { margin: Number(values.margin) },
    unitWindow: { seconds: 1n, nanos: 0 },
    feedbackWait: { seconds: 1n, nanos: 0 },
  },
});

/** One session of one call, and what is said of it. */
async function session(index: number): Promise<void> {
  const { completed, decision } = await router.completeOnce({
    request: {
      routing: {
        case: "route",
        value: {
          agentId: "claims-desk",
          sessionId: `${experimentId}-${index}`,
          constraints: { tier: Tier.BALANCED },
        },
      },
      messages: [
        {
          role: Role.USER,
          parts: [{ content: { case: "text", value: `Which rule holds for claim ${index}? [tokens=20]` } }],
        },
      ],
    },
  });
  const success = Math.random() < (GOOD[decision?.experiment?.arm ?? ""] ?? 1);
  await feedback.recordFeedback({ executionId: completed?.executionId ?? "", success });
}

const isAnswered = ({ status, arms }: ExperimentReport) =>
  status === ExperimentStatus.STOPPED ||
  arms.some(({ verdict }) => verdict > ExperimentVerdict.NOT_KNOWN_YET);

async function look(): Promise<ExperimentReport> {
  const { report } = await experiments.getExperiment({ experimentId });
  if (report === undefined) throw new Error("the service gave no report");
  return report;
}

let sessions = 0;
let report = await look();
for (; sessions < Number(values.sessions) && !isAnswered(report); report = await look()) {
  await Promise.all(Array.from({ length: AT_ONCE }, () => session(sessions++)));
}
if (report.status === ExperimentStatus.RUNNING) {
  ({ report = report } = await experiments.stopExperiment({
    experimentId,
    comment: "answered",
    author: "example",
  }));
}

const NAME_OF: Readonly<Partial<Record<ExperimentMetric, string>>> = {
  [ExperimentMetric.SUCCESS]: "success",
  [ExperimentMetric.COST]: "cost, nano-USD",
  [ExperimentMetric.FALLBACK_RATE]: "fallback rate",
};
const bounds = (
  of: Readonly<{ estimate: number; lower?: number; upper?: number }> | undefined,
  digits: number,
) =>
  of === undefined
    ? ""
    : `${of.estimate.toFixed(digits)} [${of.lower?.toFixed(digits) ?? "-inf"}, ${of.upper?.toFixed(digits) ?? "inf"}]`;
console.log(`${experimentId}: ${sessions} sessions`);
for (const { name, units, measures, verdict } of report.arms) {
  console.log(`${name}: ${units} units${verdict === 0 ? "" : `, ${ExperimentVerdict[verdict]}`}`);
  for (const { metric, value, difference } of measures) {
    const label = NAME_OF[metric];
    const digits = metric === ExperimentMetric.COST ? 0 : 3;
    if (label === undefined) continue;
    const against = difference === undefined ? "" : `; to the first arm ${bounds(difference, digits)}`;
    console.log(`  ${label}: ${bounds(value, digits)}${against}`);
  }
}
for (const { author, description } of report.events) console.log(`${author}: ${description}`);
