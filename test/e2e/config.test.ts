/** The operator's story over the API: look, change, see what it does, go back. On the embedded database, with an admin token. */
import { clone, create } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BacktestReport } from "../../gen/modeltier/v1/backtest_pb.js";
import { Role } from "../../gen/modeltier/v1/completion_pb.js";
import { ConfigSource, type ConfigWarning, ConfigWarningKind } from "../../gen/modeltier/v1/config_pb.js";
import { ConfigService } from "../../gen/modeltier/v1/config_service_pb.js";
import { ProviderService } from "../../gen/modeltier/v1/provider_service_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import {
  CustomProviderSchema,
  type RoutingConfig,
  RoutingConfigSchema,
} from "../../gen/modeltier/v1/routing_config_pb.js";
import { ModelTargetSchema } from "../../gen/modeltier/v1/routing_pb.js";
import { edited, type Replica } from "../faults/rig/config-replicas.ts";
import { holdsWithin } from "../faults/rig/rig.ts";
import { type RunningService, startService } from "../support/service.ts";

const TOKEN = "the-admin-token";

let service: RunningService;
let admin: Replica["config"];
let anyone: Replica["config"];
let router: Replica["router"];
const transportTo = ({ grpcAddress }: RunningService, token?: string) =>
  createGrpcTransport({
    baseUrl: `http://${grpcAddress}`,
    interceptors: [
      (next) => (request) => {
        if (token !== undefined) request.header.set("authorization", `Bearer ${token}`);
        return next(request);
      },
    ],
  });

beforeAll(async () => {
  service = await startService({
    env: {
      MODELTIER_ADMIN_TOKEN: TOKEN,
      MODELTIER_HEDGING: "true",
      MODELTIER_TIER_FAST: "openai/gpt-4o-mini",
      MODELTIER_PRIVATE_UPSTREAMS: "127.0.0.1",
    },
  });
  admin = createClient(ConfigService, transportTo(service, TOKEN));
  anyone = createClient(ConfigService, transportTo(service));
  router = createClient(RouterService, transportTo(service));
});
afterAll(() => service?.stop());

const publish = async (change: (draft: RoutingConfig) => unknown) =>
  admin.publishConfig({ ...(await edited({ config: admin }, change)), comment: "a test", author: "ana" });

const targetsOf = (config: RoutingConfig | undefined) => config?.tiers?.balanced?.targets ?? [];
const complete = async (agentId: string) => {
  const { completed } = await router.completeOnce({
    request: {
      routing: { case: "route", value: { agentId, agentAis: { combinedScore: 5 } } },
      messages: [{ role: Role.USER, parts: [{ content: { case: "text", value: "say something" } }] }],
    },
  });
  return completed;
};

describe("before anything is published", () => {
  it("preset and environment are in force, and say so field by field", async () => {
    const { version, config, parts } = await admin.getConfig({});
    expect(version?.version).toBe(0n);
    expect(config?.tiers?.fast?.targets).toMatchObject([{ model: "gpt-4o-mini" }]);
    const sourceOf = (field: string) => parts.find((part) => part.field === field)?.source;
    expect(sourceOf("tiers")).toBe(ConfigSource.ENVIRONMENT);
    expect(sourceOf("hedging")).toBe(ConfigSource.ENVIRONMENT);
    expect(sourceOf("breaker")).toBe(ConfigSource.PRESET);
  });

  it("only the operator may look, validate, change, and read what happened", async () => {
    const next = await edited({ config: admin }, (draft) => {
      draft.failureLimit = 5;
    });
    const { violations, changes } = await admin.validateConfig({ config: next.config });
    expect(violations).toEqual([]);
    expect(changes).toMatchObject([{ field: "failure_limit", beforeJson: "2", afterJson: "5" }]);
    const refused = [
      anyone.getConfig({}),
      anyone.validateConfig({ config: next.config }),
      anyone.publishConfig(next),
      anyone.rollbackConfig({ version: 0n }),
      Array.fromAsync(anyone.backtestConfig(next)),
    ];
    for (const call of refused) {
      expect((await call.catch(ConnectError.from)) as ConnectError).toMatchObject({
        code: Code.Unauthenticated,
      });
    }
  });
});

describe("a change of the balanced tier", () => {
  it("is tested against what happened, published, in force at once, and taken back", async () => {
    for (let n = 0; n < 5; n += 1) expect(await complete("shop")).toMatchObject({ provider: "kimi" });
    const toOpenAi = (draft: RoutingConfig) =>
      draft.tiers?.balanced?.targets.splice(
        0,
        1,
        create(ModelTargetSchema, { provider: "openai", model: "gpt-4o" }),
      );
    const candidate = await edited({ config: admin }, toOpenAi);
    const isRecorded = async () => (await backtest(candidate.config)).executions >= 5n;
    expect(await holdsWithin(5_000, isRecorded)).toBe(true);
    const report = await backtest(candidate.config);
    expect(report).toMatchObject({ tierChanges: 0n, targetChanges: report.executions, withoutInputs: 0n });
    expect(report.byAgent).toMatchObject([{ name: "shop" }]);
    expect(report.recorded?.targets).toMatchObject([{ target: { provider: "kimi" } }]);
    const { lowestNanoUsd = 0n, costNanoUsd = 0n, highestNanoUsd = 0n } = report.candidate?.cost ?? {};
    expect([lowestNanoUsd < costNanoUsd, costNanoUsd < highestNanoUsd]).toEqual([true, true]);

    const { version, warnings } = await publish(toOpenAi);
    expect(version).toMatchObject({ version: 1n, author: "ana", comment: "a test", basedOn: 0n });
    expect(warnings.map(({ kind }) => kind)).toContain(ConfigWarningKind.RETIRED_TARGET);
    const { decision } = await router.route({ agentId: "shop", agentAis: { combinedScore: 5 } });
    expect(decision).toMatchObject({ provider: "openai", model: "gpt-4o", configVersion: 1n });
    expect(await complete("shop")).toMatchObject({ provider: "openai", model: "gpt-4o" });

    await admin.rollbackConfig({ version: 0n, author: "ana" });
    const { config, version: after } = await admin.getConfig({});
    expect(after).toMatchObject({ version: 2n, basedOn: 1n });
    expect(targetsOf(config)[0]).toMatchObject({ provider: "kimi" });
    const { changes } = await admin.diffConfig({ fromVersion: 1n, toVersion: 2n });
    expect(changes.map(({ field }) => field)).toEqual([
      "tiers.balanced.targets[0].provider",
      "tiers.balanced.targets[0].model",
    ]);
    const { versions, nextBeforeVersion } = await admin.listConfigVersions({ pageSize: 1 });
    expect(versions).toMatchObject([{ version: 2n, comment: "Roll back to version 0" }]);
    expect((await admin.listConfigVersions({ beforeVersion: nextBeforeVersion })).versions).toMatchObject([
      { version: 1n },
    ]);
  });

  it("leaves the environment behind, and says which variables", async () => {
    const { parts } = await admin.getConfig({});
    expect(parts.every(({ source }) => source === ConfigSource.DATABASE)).toBe(true);
    const overridden = parts.flatMap(({ overriddenVariables }) => overriddenVariables);
    expect(new Set(overridden)).toEqual(new Set(["MODELTIER_HEDGING", "MODELTIER_TIER_FAST"]));
  });

  it("says so before and when it is published, of the fields that differ from what the variables make them", async () => {
    const { config, versionInForce } = await admin.getConfig({ version: 0n });
    if (config === undefined) throw new Error("no configuration");
    const overridden = (warnings: readonly ConfigWarning[]) =>
      warnings
        .filter(({ kind }) => kind === ConfigWarningKind.OVERRIDDEN_VARIABLE)
        .map(({ field, description }) => [field, /MODELTIER_\w+/.exec(description)?.[0]]);
    expect(overridden((await admin.validateConfig({ config })).warnings)).toEqual([]);
    const other = clone(RoutingConfigSchema, config);
    if (other.hedging !== undefined) other.hedging.enabled = !other.hedging.enabled;
    expect(overridden((await admin.validateConfig({ config: other })).warnings)).toEqual([
      ["hedging", "MODELTIER_HEDGING"],
    ]);
    const published = await admin.publishConfig({ config: other, basedOn: versionInForce });
    expect(overridden(published.warnings)).toEqual([["hedging", "MODELTIER_HEDGING"]]);
    expect(overridden((await admin.getConfig({})).warnings)).toEqual([["hedging", "MODELTIER_HEDGING"]]);
    const back = await admin.rollbackConfig({ version: versionInForce });
    expect(overridden(back.warnings)).toEqual(overridden((await admin.getConfig({})).warnings));
  });

  it("does not touch what is not there: NOT_FOUND for a version nobody published", async () => {
    const error = await admin.getConfig({ version: 99n }).catch(ConnectError.from);
    expect(error).toMatchObject({ code: Code.NotFound });
  });
});

describe("a provider of one's own", () => {
  it("is there with the version that names it, answers, and goes with it", async () => {
    const own = create(CustomProviderSchema, {
      id: "my-vllm",
      baseUrl: `${service.sandboxUrl}/openai/v1`,
      keyVariable: "",
    });
    const before = (await admin.getConfig({})).versionInForce;
    await publish((draft) => {
      draft.customProviders.push(own);
      draft.tiers?.balanced?.targets.unshift(
        create(ModelTargetSchema, { provider: "my-vllm", model: "llama-9" }),
      );
    });
    expect(await complete("shop")).toMatchObject({ provider: "my-vllm", model: "llama-9" });
    const providers = createClient(ProviderService, transportTo(service, TOKEN));
    const ids = async () => (await providers.listProviders({})).providers.map(({ id }) => id);
    expect(await ids()).toContain("my-vllm");
    await providers.reloadProviders({});
    expect(await ids()).toContain("my-vllm");
    await admin.rollbackConfig({ version: before });
    expect(await ids()).not.toContain("my-vllm");
    expect(await complete("shop")).toMatchObject({ provider: "kimi" });
  });
});

async function backtest(config: RoutingConfig): Promise<BacktestReport> {
  for await (const { event } of admin.backtestConfig({ config })) {
    if (event.case === "report") return event.value;
  }
  throw new Error("there was no report");
}
