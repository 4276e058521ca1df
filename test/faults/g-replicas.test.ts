/** Group G where several replicas share one Postgres: how a configuration reaches them, and who may publish one. */
import { fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ConfigConflictSchema } from "../../gen/modeltier/v1/config_pb.js";
import { startDatabaseProxy } from "../support/database-proxy.ts";
import {
  type ConfigRig,
  edited,
  msUntil,
  percentile,
  publishNext,
  type Replica,
  startConfigRig,
} from "./rig/config-replicas.ts";
import { holdsWithin } from "./rig/rig.ts";

const PUBLISHES = 40;

describe("three replicas on one Postgres", () => {
  let rig: ConfigRig;
  let replicas: Replica[];
  beforeAll(async () => {
    rig = await startConfigRig();
    replicas = [await rig.start(), await rig.start(), await rig.start()];
  });
  afterAll(() => rig?.stop());
  beforeEach(async () => {
    const newest = "select coalesce(max(version), 0)::int as version from orchestration_config_versions";
    const { rows } = await rig.database.query(newest);
    await Promise.all(replicas.map((replica) => msUntil(replica, rows[0].version)));
  });
  const at = (index: number) => replicas[index % 3] as Replica;

  it("G01 a published configuration decides at every replica within 250 ms at p99", async () => {
    const tookMs: number[] = [];
    for (let round = 0; round < PUBLISHES; round += 1) {
      const version = await publishNext(at(round));
      tookMs.push(...(await Promise.all(replicas.map((replica) => msUntil(replica, version)))));
    }
    const version = await at(0).version();
    expect(await Promise.all(replicas.map((replica) => replica.gauge()))).toEqual([
      version,
      version,
      version,
    ]);
    expect(percentile(tookMs, 0.99)).toBeLessThanOrEqual(250);
  });

  it("G04 a version that a replica cannot run replaces nothing, and the next good one is followed", async () => {
    const before = await at(0).config.getConfig({});
    const good = Number(before.versionInForce);
    await rig.database.query(
      `insert into orchestration_config_versions (version, document, author, comment, based_on)
        select version + 1, jsonb_set(document, '{tiers,fast,targets,0,provider}', '"elsewhere"'), 'other', '', version
        from orchestration_config_versions where version = $1`,
      [good],
    );
    await rig.database.query("select pg_notify('modeltier_config', '')");
    const refusals = () =>
      replicas.map(({ service }) => service.output().stderr.split("cannot be run here").length - 1);
    expect(await holdsWithin(6_000, () => refusals().every((count) => count === 1))).toBe(true);
    expect(await Promise.all(replicas.map((replica) => replica.version()))).toEqual([good, good, good]);

    const next = { config: before.config, author: "ana" };
    const stale = await at(0)
      .config.publishConfig({ ...next, basedOn: BigInt(good) })
      .then(() => undefined, ConnectError.from);
    expect(stale?.code).toBe(Code.Aborted);
    const { version } = await at(0).config.publishConfig({ ...next, basedOn: BigInt(good + 1) });
    await Promise.all(replicas.map((replica) => msUntil(replica, Number(version?.version))));
    expect(refusals()).toEqual([1, 1, 1]);
  });

  it("G07 of two administrators who save at once one wins, and the other hears of what changed", async () => {
    const mine = await edited(at(0), (draft) => {
      draft.minimumOutputTokens = 65;
    });
    const theirs = await edited(at(1), (draft) => {
      draft.minimumOutputTokens = 66;
    });
    const outcomes = await Promise.allSettled([
      at(0).config.publishConfig({ ...mine, author: "ana" }),
      at(1).config.publishConfig({ ...theirs, author: "ben" }),
    ]);
    const won = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? outcome.value : []));
    const lost = outcomes.flatMap((outcome) =>
      outcome.status === "rejected" ? ConnectError.from(outcome.reason) : [],
    );
    expect(won).toHaveLength(1);
    expect(lost.map(({ code }) => code)).toEqual([Code.Aborted]);
    const conflict = conflictIn(lost[0] as ConnectError);
    expect(conflict.newest?.version).toBe(won[0]?.version?.version);
    expect(conflict.changes.map(({ field }) => field)).toEqual(["minimum_output_tokens"]);
    const { rows } = await rig.database.query(
      "select count(*)::int as count from orchestration_config_versions where based_on = $1",
      [String(mine.basedOn)],
    );
    expect(rows).toEqual([{ count: 1 }]);
  });

  it("G10 one call goes back to the version before, and the audit log says who did it", async () => {
    const before = await at(0).config.getConfig({});
    await publishNext(at(0));
    const { version, changes } = await at(1).config.rollbackConfig({
      version: before.versionInForce,
      author: "ana",
    });
    expect(version).toMatchObject({ author: "ana", rolledBackTo: before.versionInForce });
    expect(changes.map(({ field }) => field)).toEqual(["failure_limit"]);
    await Promise.all(replicas.map((replica) => msUntil(replica, Number(version?.version))));
    const after = await at(2).config.getConfig({});
    expect(after.config).toEqual(before.config);
    const { rows } = await rig.database.query(
      "select action, author, subject, detail from audit_log order by entry_id desc limit 1",
    );
    expect(rows).toEqual([
      {
        action: "config.rollback",
        author: "ana",
        subject: `config version ${version?.version}`,
        detail: {
          based_on: Number(version?.basedOn),
          rolled_back_to: Number(before.versionInForce),
          comment: `Roll back to version ${before.versionInForce}`,
        },
      },
    ]);
  });

  it("G02 a replica that hears nothing any more catches up within 5 s", async () => {
    const proxy = await startDatabaseProxy(rig.postgres.socketFolder);
    const deaf = await rig.start({ MODELTIER_HEDGING: "true" }, rig.through(proxy.socketFolder));
    const isSaid = () => /MODELTIER_HEDGING.*overrides the environment/.test(deaf.service.output().stderr);
    expect(await holdsWithin(2_000, isSaid)).toBe(true); // the log comes by another pipe than the banner
    expect(await deaf.version()).toBe(await at(0).version());
    const tookMs: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      proxy.fallSilent();
      const version = await publishNext(at(round));
      tookMs.push(await msUntil(deaf, version));
    }
    await deaf.service.stop();
    await proxy.close();
    expect(Math.max(...tookMs)).toBeLessThanOrEqual(5_000);
  });
});

/** Of the ABORTED's details, as they came over the wire. */
function conflictIn(error: ConnectError) {
  const detail = error.details.find((one) => "type" in one && one.type === ConfigConflictSchema.typeName) as
    | { value: Uint8Array }
    | undefined;
  return fromBinary(ConfigConflictSchema, detail?.value ?? new Uint8Array());
}
