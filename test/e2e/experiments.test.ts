/** An experiment as operators and callers meet it: on a real Postgres, at two replicas, by the contract alone. */
import { clone, create, type MessageInitShape } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { AnalyticsService } from "../../gen/modeltier/v1/analytics_service_pb.js";
import { MessageSchema, Role } from "../../gen/modeltier/v1/completion_pb.js";
import { ConfigService } from "../../gen/modeltier/v1/config_service_pb.js";
import {
  ExperimentMetric,
  type ExperimentReport,
  ExperimentSchema,
  ExperimentStatus,
  ExperimentUnit,
  ExperimentVerdict,
} from "../../gen/modeltier/v1/experiment_pb.js";
import { ExperimentService } from "../../gen/modeltier/v1/experiment_service_pb.js";
import { FeedbackService } from "../../gen/modeltier/v1/feedback_service_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { type RoutingConfig, RoutingConfigSchema } from "../../gen/modeltier/v1/routing_config_pb.js";
import { RouteRequestSchema, Tier } from "../../gen/modeltier/v1/routing_pb.js";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { type RunningService, startService } from "../support/service.ts";

let postgres: TestPostgres;
let replicas: readonly RunningService[];
const clientsOf = ({ grpcAddress }: RunningService) => {
  const transport = createGrpcTransport({ baseUrl: `http://${grpcAddress}` });
  return {
    experiments: createClient(ExperimentService, transport),
    router: createClient(RouterService, transport),
    configs: createClient(ConfigService, transport),
    analytics: createClient(AnalyticsService, transport),
    feedback: createClient(FeedbackService, transport),
  };
};
let here: ReturnType<typeof clientsOf>;
let there: ReturnType<typeof clientsOf>;

beforeAll(async () => {
  postgres = await startPostgres();
  const env = { DATABASE_URL: await postgres.createDatabase() };
  // The tables first: two that start at once would both wait for them.
  const first = await startService({ env });
  replicas = [first, await startService({ env: { ...env, MODELTIER_SANDBOX_PORT: "0" } })];
  [here, there] = replicas.map(clientsOf) as [typeof here, typeof here];
}, 60_000);
afterAll(async () => {
  await Promise.all(replicas?.map((replica) => replica.stop()) ?? []);
  await postgres?.stop();
});

/** One runs at a time, and the next test has its own. */
afterEach(async () => {
  const { experiments } = await here.experiments.listExperiments({});
  const running = experiments.filter(({ status }) => status === ExperimentStatus.RUNNING);
  await Promise.all(running.map(({ experimentId }) => here.experiments.stopExperiment({ experimentId })));
});

const A_MILLISECOND = create(DurationSchema, { nanos: 1_000_000 });
const SECOND = { seconds: 0n, nanos: 0 };
const KIMI = { provider: "kimi", model: "kimi-k3" };

/** The configuration in force with balanced served by another model. */
async function balancedBy(provider: string, model: string): Promise<RoutingConfig> {
  const { config } = await here.configs.getConfig({});
  if (config?.tiers?.balanced === undefined) throw new Error("no configuration");
  const changed = clone(RoutingConfigSchema, config);
  if (changed.tiers?.balanced) {
    changed.tiers.balanced.targets = [{ $typeName: "modeltier.v1.ModelTarget", provider, model }];
  }
  return changed;
}

type Over = Omit<MessageInitShape<typeof ExperimentSchema>, "$typeName"> & Readonly<{ model?: string }>;
const experiment = async (experimentId: string, { model = KIMI.model, ...over }: Over = {}) => {
  const usual: MessageInitShape<typeof ExperimentSchema> = {
    experimentId,
    description: "Kimi for the balanced tier?",
    unit: ExperimentUnit.AGENT,
    arms: [
      { name: "today", weight: 1 },
      {
        name: "kimi",
        weight: 1,
        config: await balancedBy(KIMI.provider, model),
        fields: ["tiers.balanced.targets"],
      },
    ],
    trafficShare: 1,
    unitWindow: SECOND,
    feedbackWait: SECOND,
  };
  return create(ExperimentSchema, { ...usual, ...over });
};

const route = async (client: typeof here, agentId: string, sessionId = "") => {
  const { decision, decisionToken } = await client.router.route({
    agentId,
    sessionId,
    constraints: { tier: Tier.BALANCED },
  });
  if (decision === undefined) throw new Error("nothing was decided");
  return { decision, decisionToken, arm: decision.experiment?.arm };
};
const complete = (client: typeof here, content: string, agentId = "agent") =>
  client.router.completeOnce({
    request: {
      routing: {
        case: "route",
        value: create(RouteRequestSchema, { agentId, constraints: { tier: Tier.BALANCED } }),
      },
      messages: [{ role: Role.USER, parts: [{ content: { case: "text", value: `${content} [tokens=1]` } }] }],
    },
  });

const HELLO = create(MessageSchema, {
  role: Role.USER,
  parts: [{ content: { case: "text", value: "hello [tokens=1]" } }],
});
const AGENTS = Array.from({ length: 40 }, (_, index) => `agent-${index}`);
const armsAt = async (client: typeof here) =>
  Promise.all(AGENTS.map(async (agentId) => (await route(client, agentId)).arm ?? "none"));
const report = async (experimentId: string): Promise<ExperimentReport> => {
  const got = await here.experiments.getExperiment({ experimentId });
  if (got.report === undefined) throw new Error("no report");
  return got.report;
};
const stop = (experimentId: string) => here.experiments.stopExperiment({ experimentId, comment: "enough" });
const armOf = ({ arms }: ExperimentReport, name: string) => arms.find((arm) => arm.name === name);
const problemOf = (asking: Promise<unknown>) =>
  asking.then(
    () => undefined,
    (error: unknown) => ConnectError.from(error),
  );

describe("an experiment", () => {
  it("draws agents into its arms alike at every replica, keeps a decision in its arm, and ends for all when it is stopped", async () => {
    expect(await armsAt(here)).toEqual(AGENTS.map(() => "none"));
    await here.experiments.startExperiment({ experiment: await experiment("by-agent"), author: "ana" });
    const drawn = await armsAt(here);
    expect(new Set(drawn)).toEqual(new Set(["today", "kimi"]));
    await expect.poll(() => armsAt(there), { timeout: 10_000 }).toEqual(drawn);

    const agentId = AGENTS[drawn.indexOf("kimi")] ?? "";
    const { decision, decisionToken } = await route(here, agentId);
    expect(decision).toMatchObject(KIMI);
    const { completed, decision: run } = await here.router.completeOnce({
      request: {
        routing: { case: "decisionToken", value: decisionToken },
        messages: [HELLO],
      },
    });
    expect(run?.experiment).toMatchObject({ experimentId: "by-agent", arm: "kimi" });
    const list = (experimentArm: string) =>
      here.analytics
        .listExecutions({ experimentId: "by-agent", experimentArm })
        .then(({ executions }) => executions.map(({ executionId }) => executionId));
    await expect.poll(() => list("kimi"), { timeout: 10_000 }).toEqual([completed?.executionId]);
    expect(await list("today")).toEqual([]);

    await stop("by-agent");
    expect(new Set(await armsAt(here))).toEqual(new Set(["none"]));
    await expect
      .poll(async () => new Set(await armsAt(there)), { timeout: 10_000 })
      .toEqual(new Set(["none"]));
    const late = await problemOf(
      here.router.completeOnce({
        request: { routing: { case: "decisionToken", value: decisionToken }, messages: [] },
      }),
    );
    expect(late?.code === Code.FailedPrecondition || late?.code === Code.InvalidArgument).toBe(true);
    const { status, events } = await report("by-agent");
    expect(status).toBe(ExperimentStatus.STOPPED);
    expect(events.map(({ author, description }) => [author, description])).toEqual([
      ["ana", "Started"],
      ["operator", "Stopped: enough"],
    ]);
  });

  it("moves units into an arm that grows, and no others", async () => {
    await here.experiments.startExperiment({
      experiment: await experiment("ramped", {
        trafficShare: 0.2,
        arms: [
          { name: "today", weight: 1 },
          {
            name: "kimi",
            weight: 1,
            // Too little time for any call: whoever is run by this arm hears of it.
            fields: ["tiers.balanced.targets", "call_timeout"],
            config: { ...(await balancedBy(KIMI.provider, KIMI.model)), callTimeout: A_MILLISECOND },
          },
        ],
      }),
    });
    const before = await armsAt(here);
    await here.experiments.rampExperiment({ experimentId: "ramped", trafficShare: 1 });
    const after = await armsAt(here);
    expect(before.filter((arm) => arm === "none").length).toBeGreaterThan(AGENTS.length / 2);
    expect(after).not.toContain("none");
    before.forEach((arm, index) => {
      if (arm !== "none") expect(after[index]).toBe(arm);
    });
    const tokens = await Promise.all(
      AGENTS.filter((_, index) => after[index] === "today").map(async (agentId) => {
        const { decisionToken, decision } = await route(here, agentId);
        return { decisionToken, model: decision.model };
      }),
    );
    const { events } = (
      await here.experiments.rampExperiment({ experimentId: "ramped", weights: { kimi: 3 } })
    ).report ?? { events: [] };
    expect(events.at(-1)?.description).toBe("Shares set: 1 of the traffic, kimi 3");
    const grown = await armsAt(here);
    after.forEach((arm, index) => {
      if (arm === "kimi") expect(grown[index]).toBe("kimi");
    });
    expect(grown.filter((arm) => arm === "today").length).toBeLessThan(tokens.length);
    for (const { decisionToken, model } of tokens) {
      const { decision } = await here.router.completeOnce({
        request: { routing: { case: "decisionToken", value: decisionToken }, messages: [HELLO] },
      });
      expect(decision).toMatchObject({ model, experiment: { arm: "today" } });
    }
    const { arms } = await report("ramped");
    expect(arms.map(({ share }) => share)).toEqual([0.25, 0.75]);
  });

  it("counts each unit once, by what was said of it, and shows what is known of every arm", async () => {
    await here.experiments.startExperiment({
      experiment: await experiment("said", {
        unit: ExperimentUnit.REQUEST,
        feedbackWait: { seconds: 2n, nanos: 0 },
      }),
    });
    await expect
      .poll(async () => (await route(there, "agent")).decision.experiment?.experimentId, { timeout: 10_000 })
      .toBe("said");
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, index) => complete(index % 2 === 0 ? here : there, `Request ${index}`)),
    );
    await Promise.all(
      answers.map(({ completed, decision }) =>
        here.feedback.recordFeedback({
          executionId: completed?.executionId ?? "",
          quality: decision?.experiment?.arm === "kimi" ? 5 : 2,
        }),
      ),
    );
    const unitsOf = async () => {
      const { arms } = await report("said");
      return arms.reduce((sum, { units }) => sum + Number(units), 0);
    };
    await expect.poll(unitsOf, { timeout: 20_000 }).toBe(answers.length);
    const { arms } = await report("said");
    const measureOf = (name: string, metric: ExperimentMetric) =>
      arms.find((arm) => arm.name === name)?.measures.find((one) => one.metric === metric);
    expect(measureOf("kimi", ExperimentMetric.SUCCESS)?.value?.estimate).toBeCloseTo(1);
    expect(measureOf("today", ExperimentMetric.QUALITY)?.value?.estimate).toBeCloseTo(0.25);
    const difference = measureOf("kimi", ExperimentMetric.QUALITY)?.difference;
    expect(difference?.lower).toBeLessThanOrEqual(0.75);
    expect(difference?.upper).toBeGreaterThanOrEqual(0.75);
    for (const { completed, decision } of answers) {
      expect(completed?.costNanoUsd).toBeGreaterThan(0n);
      expect(decision?.experiment?.experimentId).toBe("said");
    }
    const dearest = Math.max(...answers.map(({ completed }) => Number(completed?.costNanoUsd)));
    expect(measureOf("today", ExperimentMetric.COST)?.value?.estimate).toBeGreaterThan(0);
    expect(measureOf("kimi", ExperimentMetric.COST)?.value?.estimate).toBeLessThanOrEqual(dearest);
    const changes = armOf(await report("said"), "kimi")?.changes.map(({ field }) => field) ?? [];
    expect(changes.some((field) => field.startsWith("tiers.balanced.targets"))).toBe(true);
    expect(armOf(await report("said"), "today")?.changes).toEqual([]);
  });

  it("counts a call that fails against the arm that chose its targets", async () => {
    await here.experiments.startExperiment({
      experiment: await experiment("failing", { unit: ExperimentUnit.REQUEST, model: "kimi-k3!400" }),
    });
    await Promise.allSettled(Array.from({ length: 12 }, (_, index) => complete(here, `Fails ${index}`)));
    const successOf = async (name: string) =>
      armOf(await report("failing"), name)?.measures.find(({ metric }) => metric === ExperimentMetric.SUCCESS)
        ?.value?.estimate;
    await expect.poll(() => successOf("today"), { timeout: 20_000 }).toBe(1);
    await expect.poll(() => successOf("kimi"), { timeout: 20_000 }).toBe(0);
  });

  it("is stopped by its guardrail when an arm fails, and says so", async () => {
    await here.experiments.startExperiment({
      experiment: await experiment("harmful", { unit: ExperimentUnit.REQUEST, model: "kimi-k3!refusal" }),
    });
    let asked = 0;
    const untilStopped = async () => {
      for (; asked < 2_000; ) {
        await Promise.all(Array.from({ length: 20 }, () => complete(here, `Question ${asked++}`)));
        if ((await report("harmful")).status === ExperimentStatus.STOPPED) return;
      }
    };
    await untilStopped();
    const { status, arms, events } = await report("harmful");
    expect(status).toBe(ExperimentStatus.STOPPED);
    expect(arms.find(({ name }) => name === "kimi")).toMatchObject({
      stopped: true,
      verdict: ExperimentVerdict.STOPPED_SUCCESS_LOST,
    });
    expect(events.at(-1)).toMatchObject({
      author: "guardrail",
      description: "Arm kimi taken out, because it loses too much success",
    });
    // It may have been the other replica that saw it.
    await expect
      .poll(async () => new Set(await armsAt(here)), { timeout: 10_000 })
      .toEqual(new Set(["none"]));
  });

  it("gives the configuration of an arm to be published, over what is in force by then", async () => {
    await here.experiments.startExperiment({ experiment: await experiment("adopted") });
    const { config, version } = await here.configs.getConfig({});
    if (config === undefined) throw new Error("no configuration");
    await here.configs.publishConfig({
      config: { ...config, failureLimit: 7 },
      basedOn: version?.version ?? 0n,
      comment: "another field",
    });
    const { config: arm } = await here.experiments.getExperimentArm({ experimentId: "adopted", arm: "kimi" });
    expect(arm?.failureLimit).toBe(7);
    expect(arm?.tiers?.balanced?.targets.map(({ model }) => model)).toEqual([KIMI.model]);
    expect((await route(here, AGENTS[0] ?? "")).decision.configVersion).toBe((version?.version ?? 0n) + 1n);
  });

  it("refuses a publication that its arms cannot be run over", async () => {
    const { config, version } = await here.configs.getConfig({});
    if (config?.thresholds === undefined) throw new Error("no configuration");
    const basedOn = version?.version ?? 0n;
    await here.experiments.startExperiment({
      experiment: await experiment("thresholds", {
        arms: [
          { name: "today", weight: 1 },
          {
            name: "lower",
            weight: 1,
            fields: ["thresholds.balanced_to"],
            config: { thresholds: { balancedTo: 5 } },
          },
        ],
      }),
    });
    const problem = await problemOf(
      here.configs.publishConfig({
        config: { ...config, thresholds: { ...config.thresholds, balancedFrom: 6 } },
        basedOn,
      }),
    );
    const candidate = { ...config, thresholds: { ...config.thresholds, balancedFrom: 6 } };
    for await (const { event } of here.configs.backtestConfig({ config: candidate })) {
      expect(event.case, "asking changes nothing, and is not refused").toBeDefined();
    }
    expect(problem?.code).toBe(Code.InvalidArgument);
    expect(problem?.rawMessage).toContain(
      "arm lower of experiment thresholds has of its own: stop the experiment first",
    );
  });

  it("names what is wrong with one, and changes nothing", async () => {
    const wrong = async (over: object) =>
      problemOf(here.experiments.startExperiment({ experiment: await experiment("wrong", over) }));
    const arms = (fields: string[], config?: object) => ({
      arms: [
        { name: "today", weight: 1 },
        { name: "other", weight: 1, fields, ...(config && { config }) },
      ],
    });
    const said = async (over: object) => (await wrong(over))?.rawMessage;
    expect(await said({ experimentId: "Wrong!" })).toContain(
      "experiment.experiment_id is not lower-case letters",
    );
    expect(await said({ unit: ExperimentUnit.UNSPECIFIED })).toContain("experiment.unit is required");
    expect(await said({ trafficShare: 0 })).toContain("experiment.traffic_share is 0; it must be above 0");
    expect(await said({ arms: [] })).toContain("experiment.arms has 0 arms; from 2 to 8 are compared");
    expect(await said(arms(["tiers.balanced.target"], {}))).toContain(
      "experiment.arms[1].fields[0] is no field of a routing configuration",
    );
    expect(await said(arms(["breaker"], {}))).toContain("is the same for all calls of a process");
    expect(await said(arms(["tiers.fast"], {}))).toContain(
      "experiment.arms[1].config lacks what `fields` names",
    );
    expect(await said(arms(["thresholds"]))).toContain("experiment.arms[1].config is missing");
    expect(await said(arms(["thresholds"], { thresholds: { balancedFrom: 7, balancedTo: 3 } }))).toMatch(
      /experiment\.arms\[1\]\.config\.thresholds/,
    );
    expect((await wrong({ question: { alpha: 0.7 } }))?.code).toBe(Code.InvalidArgument);

    await here.experiments.startExperiment({ experiment: await experiment("first") });
    expect(
      (await problemOf(here.experiments.startExperiment({ experiment: await experiment("second") })))?.code,
    ).toBe(Code.FailedPrecondition);
    const ramp = (over: object) =>
      problemOf(here.experiments.rampExperiment({ experimentId: "first", ...over }));
    expect((await ramp({}))?.rawMessage).toContain("traffic_share is missing, and so are weights");
    expect((await ramp({ weights: { nobody: 1 } }))?.rawMessage).toContain("weights.nobody is of no arm");
    expect((await ramp({ experimentId: "none" }))?.code).toBe(Code.NotFound);
    const unknown = here.experiments.stopExperiment({ experimentId: "first", arm: "nobody" });
    expect((await problemOf(unknown))?.rawMessage).toContain("arm is not one of its arms: today, kimi");
    await here.experiments.stopExperiment({ experimentId: "first", arm: "kimi" });
    expect((await report("first")).status).toBe(ExperimentStatus.STOPPED);
    expect((await ramp({ trafficShare: 1 }))?.code).toBe(Code.FailedPrecondition);
    const again = here.experiments.startExperiment({ experiment: await experiment("first") });
    expect((await problemOf(again))?.code).toBe(Code.AlreadyExists);
    const { experiments, nextPageToken } = await here.experiments.listExperiments({ pageSize: 1 });
    expect(experiments.map(({ experimentId }) => experimentId)).toEqual(["first"]);
    const older = await here.experiments.listExperiments({ pageSize: 1, pageToken: nextPageToken });
    expect(older.experiments.map(({ experimentId }) => experimentId)).toEqual(["thresholds"]);
  });
});
