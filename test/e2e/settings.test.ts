/** Settings of the process that no other test has a service for: each is seen in what a service does with it and without. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Role } from "../../gen/modeltier/v1/completion_pb.js";
import { type OtlpReceiver, startOtlpReceiver } from "../support/otlp-receiver.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { type RunningService, startService } from "../support/service.ts";
import { ask, overGrpc, overHttp } from "../support/workers.ts";

const TOKEN = "the-admin-token";
/** The service that is open to this machine alone asks for none. */
const headers = { authorization: `Bearer ${TOKEN}` };

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe("a setting of the process", () => {
  const dataDir = mkdtempSync(join(tmpdir(), "mt-"));
  let sandboxPort: number;
  let usual: RunningService;
  let other: RunningService;
  beforeAll(async () => {
    sandboxPort = await freePort();
    usual = await startService();
    other = await startService({
      env: {
        MODELTIER_DATA_DIR: dataDir,
        MODELTIER_HOST: "0.0.0.0",
        MODELTIER_ADMIN_TOKEN: TOKEN, // nobody listens to other machines without saying who may call
        MODELTIER_SANDBOX_PORT: String(sandboxPort),
        MODELTIER_ALLOW_IMAGE_URLS: "true",
        LOG_LEVEL: "silent",
      },
    });
  });
  afterAll(async () => {
    await Promise.all([usual?.stop(), other?.stop()]);
    rmSync(dataDir, { recursive: true, force: true });
  });

  it("MODELTIER_HOST: it listens to other machines, or to this one alone", async () => {
    const address = Object.values(networkInterfaces())
      .flatMap((all) => all ?? [])
      .find(({ family, internal }) => family === "IPv4" && !internal)?.address;
    const ask = ({ httpUrl }: RunningService) =>
      fetch(`http://${address ?? "127.0.0.2"}:${new URL(httpUrl).port}/healthz`).then(
        ({ status }) => status,
        () => "refused",
      );
    expect([await ask(usual), await ask(other)]).toEqual(["refused", 200]);
  });

  it("MODELTIER_DATA_DIR: the embedded database is there", () => {
    expect(existsSync(join(dataDir, "modeltier.pid"))).toBe(true);
    expect(existsSync(join(usual.dataDir, "modeltier.pid"))).toBe(true);
    expect(existsSync(join(other.dataDir, "modeltier.pid")), "the folder it would have had").toBe(false);
  });

  it("MODELTIER_SANDBOX_PORT: the sandbox answers there", () => {
    expect(new URL(other.sandboxUrl).port).toBe(String(sandboxPort));
  });

  it("MODELTIER_ALLOW_IMAGE_URLS: an image may be named by its address, or has to come as bytes", async () => {
    const url = {
      source: { case: "url" as const, value: "https://example.com/cat.png" },
      mediaType: "image/png",
    };
    const see = (service: RunningService) =>
      overGrpc(service).completeOnce(
        {
          request: {
            routing: { case: "route", value: { agentId: "a" } },
            messages: [
              { role: Role.USER, parts: [{ content: { case: "image", value: url } }] },
              { role: Role.USER, parts: [{ content: { case: "text", value: "What is it?" } }] },
            ],
          },
        },
        { headers },
      );
    const refused = await see(usual).catch(ConnectError.from);
    expect(refused).toMatchObject({ code: Code.InvalidArgument });
    expect(String(refused)).toContain("MODELTIER_ALLOW_IMAGE_URLS");
    expect(await see(other)).toMatchObject({ completed: expect.anything() });
  });

  it("LOG_LEVEL: a call is in the log, or nothing is", async () => {
    for (const service of [usual, other])
      await overHttp(service).completeOnce({ request: ask("hello") }, { headers });
    await expect.poll(() => usual.output().stderr).toContain("an execution ended");
    await other.stop();
    expect(other.output().stderr).toBe("");
  });
});

describe("with a collector", () => {
  let collector: OtlpReceiver;
  let postgres: TestPostgres;
  let database: string;
  beforeAll(async () => {
    [collector, postgres] = await Promise.all([startOtlpReceiver(), startPostgres()]);
    database = await postgres.createDatabase();
  });
  afterAll(() => Promise.all([collector?.close(), postgres?.stop()]));
  /** No span tells of the database, and on one that is there a service starts in a quarter of the time. */
  const start = (env: Readonly<Record<string, string>>) =>
    startService({ env: { DATABASE_URL: database, ...env } });

  /** The spans of one call, once the service has sent its last ones and stopped. */
  async function spansWith(env: (url: string) => Readonly<Record<string, string>>): Promise<number> {
    const before = collector.spans.length;
    const service = await start(env(collector.url));
    await overGrpc(service).completeOnce({ request: ask("hello") });
    await service.stop();
    return collector.spans.length - before;
  }

  it("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT alone: spans go there", async () => {
    const env = (url: string) => ({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${url}/v1/traces` });
    expect(await spansWith(env)).toBe(2);
  });

  it.each<Readonly<Record<string, string>>>([
    { OTEL_TRACES_EXPORTER: "none" },
    { OTEL_TRACES_SAMPLER: "always_off" },
    { OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0" },
  ])("%o: there are none", async (variables) => {
    expect(await spansWith((url) => ({ OTEL_EXPORTER_OTLP_ENDPOINT: url, ...variables }))).toBe(0);
  });

  it("OTEL_BSP_SCHEDULE_DELAY: a span waits so long for others", async () => {
    const service = await start({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_BSP_SCHEDULE_DELAY: "60000",
    });
    const hasty = await start({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_BSP_SCHEDULE_DELAY: "50",
    });
    const before = collector.spans.length;
    await overGrpc(service).completeOnce({ request: ask("hello") });
    await overGrpc(hasty).completeOnce({ request: ask("hello") });
    await expect.poll(() => collector.spans.length - before).toBe(2);
    await hasty.stop();
    expect(collector.spans.length - before, "the patient one has not sent its own").toBe(2);
    await service.stop();
    expect(collector.spans.length - before).toBe(4);
  });
});
