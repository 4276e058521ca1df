/** Group G where something is missing: a valid configuration, the database, a key. */
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { create, fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BadRequestSchema } from "../../gen/google/rpc/error_details_pb.js";
import { ConfigWarningKind } from "../../gen/modeltier/v1/config_pb.js";
import {
  type ModelOverride,
  ModelOverrideSchema,
  type PriceOverride,
  PriceOverrideSchema,
  type RoutingConfig,
  type TierConfig,
} from "../../gen/modeltier/v1/routing_config_pb.js";
import { snapshotPath } from "../../src/config/snapshot-file.ts";
import { startDatabaseProxy } from "../support/database-proxy.ts";
import { type ConfigRig, edited, publishNext, type Replica, startConfigRig } from "./rig/config-replicas.ts";
import { holdsWithin } from "./rig/rig.ts";

const balanced = (draft: RoutingConfig): TierConfig => draft.tiers?.balanced as TierConfig;
const price = (rate: bigint): PriceOverride =>
  create(PriceOverrideSchema, {
    target: { provider: "openai", model: "gpt-4o" },
    effectiveFrom: "2026-01-01",
    bands: [{ freshInputMicroUsdPerMtok: rate }],
  });
const successor = (model: string, next: string): ModelOverride =>
  create(ModelOverrideSchema, {
    target: { provider: "openai", model },
    successor: { provider: "openai", model: next },
  });

/** Far longer than it takes: what is asked is whether it comes, and other tests keep this machine busy. */
const PATIENTLY_MS = 20_000;

let rig: ConfigRig;
beforeAll(async () => {
  rig = await startConfigRig();
});
afterAll(() => rig?.stop());

describe("a configuration that is wrong", () => {
  let replica: Replica;
  beforeAll(async () => {
    replica = await rig.start();
  });

  const WRONG: readonly (readonly [string, string, (draft: RoutingConfig) => void])[] = [
    [
      "an unknown provider",
      "config.tiers.balanced.targets[0].provider",
      (draft) => Object.assign(balanced(draft).targets[0] as object, { provider: "nobody" }),
    ],
    [
      "an unknown model",
      "config.tiers.balanced.targets[0].model",
      (draft) => Object.assign(balanced(draft).targets[0] as object, { model: "kimi-k0" }),
    ],
    [
      "a negative price",
      "config.price_overrides[0].bands[0].fresh_input_micro_usd_per_mtok",
      (draft) => draft.priceOverrides.push(price(-1n)),
    ],
    [
      "a gap between the tiers",
      "config.thresholds",
      (draft) => Object.assign(draft.thresholds as object, { balancedFrom: 3.1, balancedTo: 3.0 }),
    ],
    ["a tier without targets", "config.tiers.balanced.targets", (draft) => balanced(draft).targets.splice(0)],
    [
      "a target listed twice",
      "config.tiers.balanced.targets[1]",
      (draft) => Object.assign(balanced(draft).targets[1] as object, balanced(draft).targets[0]),
    ],
    [
      "successors in a circle",
      "config.model_overrides[0].successor",
      (draft) =>
        draft.modelOverrides.push(successor("gpt-4o", "gpt-4o-mini"), successor("gpt-4o-mini", "gpt-4o")),
    ],
    [
      "weights that do not sum to 1",
      "config.agent_weight",
      (draft) => Object.assign(draft, { agentWeight: 0.7 }),
    ],
    [
      "a number that is none",
      "config.cold_start_score",
      (draft) => Object.assign(draft, { coldStartScore: Number.NaN }),
    ],
    ["a missing part", "config.breaker", (draft) => Object.assign(draft, { breaker: undefined })],
  ];

  it.each(WRONG)("G04 %s is refused whole and named by its field", async (_, field, spoil) => {
    const before = await replica.config.getConfig({});
    const error = await replica.config
      .publishConfig(await edited(replica, spoil))
      .then(() => undefined, ConnectError.from);
    expect(error?.code).toBe(Code.InvalidArgument);
    expect(fieldsIn(error as ConnectError)).toContain(field);
    expect(await replica.config.getConfig({})).toEqual(before);
  });
});

describe("a database that is away at the start", () => {
  it("G05 the last good configuration on disk decides, and what was published meanwhile follows", async () => {
    const dataDir = rig.folder();
    const proxy = await startDatabaseProxy(rig.postgres.socketFolder);
    const url = rig.through(proxy.socketFolder);
    const first = await rig.start({}, url, dataDir);
    const version = await publishNext(first);
    const snapshot = snapshotPath(dataDir);
    expect(await holdsWithin(PATIENTLY_MS, () => isKept(snapshot, version))).toBe(true);
    expect(statSync(snapshot).mode & 0o777).toBe(0o600);
    await first.service.stop();

    await proxy.goDown();
    const second = await rig.start({}, url, dataDir);
    expect(await second.version()).toBe(version);
    expect(await second.config.getConfig({})).toMatchObject({ fromSnapshot: true });
    const other = await rig.start();
    const newer = await publishNext(other);
    await proxy.comeBack();
    expect(await holdsWithin(PATIENTLY_MS, async () => (await second.version()) === newer)).toBe(true);
    await second.service.stop();
    await proxy.close();
  });

  it("G05 a damaged file is no configuration: preset and environment decide", async () => {
    const dataDir = rig.folder();
    const proxy = await startDatabaseProxy(rig.postgres.socketFolder);
    const url = rig.through(proxy.socketFolder);
    const first = await rig.start({}, url, dataDir);
    const version = await publishNext(first);
    const snapshot = snapshotPath(dataDir);
    expect(await holdsWithin(PATIENTLY_MS, () => isKept(snapshot, version))).toBe(true);
    await first.service.stop();
    writeFileSync(snapshot, readFileSync(snapshot, "utf8").replace("0.7", "0.8"));
    await proxy.goDown();
    const second = await rig.start({}, url, dataDir);
    expect(await second.version()).toBe(0);
    await second.service.stop();
    await proxy.close();
  });
});

describe("a key that is missing", () => {
  it("G08 the tier is served by the next in its chain, and everyone is told why", async () => {
    const env = { OPENAI_API_KEY: "sk-test", ANTHROPIC_API_KEY: "sk-test", MODELTIER_RETIRED_MODELS: "try" };
    const replica = await rig.start(env);
    const { decision } = await replica.router.route({ agentId: "a", agentAis: { combinedScore: 5 } });
    expect(decision).toMatchObject({ provider: "openai", model: "gpt-4o-mini" });
    expect(decision?.rejectedTargets.map(({ detail }) => detail).join()).toContain("KIMI_API_KEY");
    expect(await (await fetch(`${replica.service.httpUrl}/readyz`)).json()).toEqual({
      status: "ready",
      details: ["kimi has no key: set KIMI_API_KEY"],
    });
    const { warnings } = await replica.config.getConfig({});
    const missing = warnings.filter(({ kind }) => kind === ConfigWarningKind.MISSING_KEY);
    expect(missing.map(({ field }) => field)).toContain("tiers.balanced.targets[0]");
    expect(missing[0]?.description).toContain("KIMI_API_KEY");
    await replica.service.stop();
  });
});

/** Kept a moment after it is in force. */
const isKept = (path: string, version: number): boolean =>
  existsSync(path) && readFileSync(path, "utf8").includes(`"version":${version}`);

function fieldsIn(error: ConnectError): readonly string[] {
  const detail = error.details.find((one) => "type" in one && one.type === BadRequestSchema.typeName) as
    | { value: Uint8Array }
    | undefined;
  const { fieldViolations } = fromBinary(BadRequestSchema, detail?.value ?? new Uint8Array());
  return fieldViolations.map(({ field }) => field);
}
