/**
 * X01 and X02: every key, prompt and answer holds a canary, every class of failure is met at every door, a process is killed, the
 * database goes away, and none of the canaries is found where it does not belong.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { accessOf, bearer, makeKey, transportTo } from "../support/access.ts";
import { databaseOf } from "../support/database-of.ts";
import { type DatabaseProxy, startDatabaseProxy } from "../support/database-proxy.ts";
import { copyCluster } from "../support/embedded-folder.ts";
import { type OtlpReceiver, startOtlpReceiver } from "../support/otlp-receiver.ts";
import { startPostgres } from "../support/postgres.ts";
import { type RunningService, startService } from "../support/service.ts";
import { dumpTables, filesBelow, listCanaries, SAID, SECRETS, SENT } from "./rig/canaries.ts";
import { askEverything, askRpc, askV1, askWrongly, requestOf, type Told } from "./rig/canary-calls.ts";
import { holdsWithin } from "./rig/rig.ts";
import { FAILING, startTelltaleProvider, type TelltaleProvider } from "./rig/telltale-provider.ts";

const ANSWERING = ["answers", "calls", "refuses"];
const AGENT = "canary-agent";
const metricsOf = async ({ httpUrl }: RunningService): Promise<string> =>
  (await fetch(`${httpUrl}/metrics`, bearer(SECRETS.metricsToken))).text();

const environmentOf = (provider: TelltaleProvider, receiver: OtlpReceiver): Record<string, string> => ({
  MODELTIER_SANDBOX: "false",
  MODELTIER_RETIRED_MODELS: "try",
  MODELTIER_PROVIDERS: "tell",
  TELL_BASE_URL: provider.url,
  TELL_API_KEY: SECRETS.custom,
  OPENAI_BASE_URL: provider.url,
  OPENAI_API_KEY: SECRETS.openai,
  ANTHROPIC_BASE_URL: provider.url,
  ANTHROPIC_API_KEY: SECRETS.anthropic,
  KIMI_BASE_URL: provider.url,
  KIMI_API_KEY: SECRETS.kimi,
  MODELTIER_ADMIN_TOKEN: SECRETS.adminToken,
  MODELTIER_METRICS_TOKEN: SECRETS.metricsToken,
  MODELTIER_KEY_PEPPER: SECRETS.pepper,
  MODELTIER_TOKEN_SECRET: SECRETS.tokenSecret,
  MODELTIER_PROMPT_STORAGE: "on",
  MODELTIER_PROMPT_KEY: SECRETS.promptKey,
  OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
  OTEL_EXPORTER_OTLP_HEADERS: `x-collector-key=${SECRETS.collectorKey}`,
  OTEL_BSP_SCHEDULE_DELAY: "50",
  LOG_LEVEL: "trace",
});

describe.each(["embedded", "postgres"] as const)("X01 on the %s database", (engine) => {
  const stack = new AsyncDisposableStack();
  const told: Told = { answers: [], errors: [] };
  const outputs: (() => Readonly<{ stdout: string; stderr: string }>)[] = [];
  /** With what keys were made of while the test ran. */
  let secrets: Readonly<Record<string, string>> = SECRETS;
  let provider: TelltaleProvider;
  let receiver: OtlpReceiver;
  let proxy: DatabaseProxy | undefined;
  let dataDir: string;
  let metrics: string;
  let tables: string;
  /** While the database was away, and while nothing ran. */
  let files: ReturnType<typeof filesBelow>;

  const allCanaries = () => ({ ...secrets, ...SENT, ...SAID });
  const printed = (stream: "stdout" | "stderr") => outputs.map((output) => output()[stream]).join("\n");

  async function start(env: Readonly<Record<string, string>>): Promise<RunningService> {
    const service = await startService({ dataDir, env });
    outputs.push(service.output);
    stack.defer(async () => void (await service.stop("SIGKILL")));
    return service;
  }

  async function openDatabase(service: RunningService, url: string | undefined): Promise<pg.Client> {
    const client = new pg.Client(databaseOf(service, url));
    client.on("error", () => undefined);
    await client.connect();
    return client;
  }

  beforeAll(async () => {
    [provider, receiver] = await Promise.all([startTelltaleProvider(), startOtlpReceiver()]);
    stack.defer(() => provider.close());
    stack.defer(() => receiver.close());
    dataDir = mkdtempSync(join(tmpdir(), "mt-"));
    stack.defer(() => rmSync(dataDir, { recursive: true, force: true }));
    let env = environmentOf(provider, receiver);
    let direct: string | undefined;
    if (engine === "embedded") await copyCluster(dataDir);
    else {
      const postgres = await startPostgres();
      stack.defer(() => postgres.stop());
      direct = await postgres.createDatabase();
      proxy = await startDatabaseProxy(postgres.socketFolder);
      const down = proxy;
      stack.defer(() => down.close());
      const url = new URL(direct);
      url.searchParams.set("host", proxy.socketFolder);
      url.password = SECRETS.databasePassword;
      env = { ...env, DATABASE_URL: url.href };
    }
    const first = await start(env);
    const made = await firstOf(() => makeKey(accessOf(first), SECRETS.adminToken, "caller"));
    const keyText = made.secret;
    secrets = { ...SECRETS, apiKey: keyText.split("_").slice(2).join("_") };
    // One after the other, so that a breaker that opens for one name is not another's.
    for (const name of [...ANSWERING, ...FAILING]) {
      await askRpc(first, `tell/${name}`, keyText, told);
      await askV1(first, `tell/${name}`, keyText, told);
    }
    await askWrongly(first, keyText, told);
    await askEverything(first, SECRETS.adminToken, told);
    // Killed in the middle of an answer, with the database away where it can be.
    await proxy?.goDown();
    await askRpc(first, "tell/answers", keyText, told);
    const router = createClient(RouterService, transportTo(first, "grpc"));
    for await (const { event } of router.complete(requestOf("tell/stalls"), bearer(keyText))) {
      if (event.case === "textDelta") break;
    }
    files = filesBelow(dataDir);
    metrics = await metricsOf(first);
    await first.stop("SIGKILL");
    files = [...files, ...filesBelow(dataDir)];
    await proxy?.comeBack();
    const second = await start(env);
    await askRpc(second, "tell/answers", keyText, told);
    metrics += await metricsOf(second);
    const database = await openDatabase(second, direct);
    await holdsWithin(20_000, async () => {
      tables = await dumpTables(database);
      return /stored_prompts\n\(/.test(tables) && tables.includes(AGENT);
    });
    await database.end();
    expect(await second.stop()).toBe(0);
    files = [...files, ...filesBelow(dataDir)];
  }, 120_000);
  afterAll(() => stack.disposeAsync());

  it("they were sent where they belong, or the rest would prove nothing", () => {
    const { custom } = SECRETS;
    expect(listCanaries(provider.received(), { ...SENT, custom })).toEqual([...Object.keys(SENT), "custom"]);
    const { error: _, ...said } = SAID;
    expect(listCanaries(told.answers.join("\n"), said)).toEqual(Object.keys(said));
    expect(told.errors.length).toBeGreaterThan(FAILING.length);
    expect(printed("stderr")).toContain("an attempt did not succeed");
    expect(tables).toContain(AGENT);
    expect(files.some(({ bytes }) => bytes.includes(AGENT))).toBe(true);
    expect(receiver.spans.length).toBeGreaterThan(FAILING.length);
    expect(receiver.requests[0]?.headers["x-collector-key"]).toBe(SECRETS.collectorKey);
    expect(metrics).toContain("modeltier_provider_calls_total");
  });

  it("none is on standard output or in the log, at any level", () => {
    expect(listCanaries(printed("stdout"), allCanaries())).toEqual([]);
    expect(listCanaries(printed("stderr"), allCanaries())).toEqual([]);
  });

  it("none is in the metrics", () => {
    expect(listCanaries(metrics, allCanaries())).toEqual([]);
  });

  it("none is in what callers are told beside answers, and no key is in an answer", () => {
    expect(listCanaries(told.errors.join("\n"), allCanaries())).toEqual([]);
    expect(listCanaries(told.answers.join("\n"), { ...secrets, ...SENT })).toEqual([]);
  });

  it("none is in a trace", () => {
    const bodies = Buffer.concat(receiver.requests.map(({ body }) => body));
    expect(listCanaries(bodies, allCanaries())).toEqual([]);
  });

  it("none is in a row of a table, though prompts are stored", () => {
    expect(tables).toMatch(/stored_prompts\n\(/);
    expect(listCanaries(tables, allCanaries())).toEqual([]);
  });

  it("none is in a file of the data folder: spool, snapshots and the embedded database", () => {
    const found = files.flatMap(({ name, bytes }) =>
      listCanaries(bytes, allCanaries()).map((canary) => `${canary} in ${name.slice(dataDir.length)}`),
    );
    expect(found).toEqual([]);
  });
});

/** Again until it goes well: the database may not be known yet. */
async function firstOf<T>(ask: () => Promise<T>): Promise<T> {
  let got: T | undefined;
  const isThere = async (): Promise<boolean> => {
    got = await ask().catch(() => undefined);
    return got !== undefined;
  };
  await holdsWithin(20_000, isThere);
  if (got === undefined) throw new Error("it never went well");
  return got;
}
