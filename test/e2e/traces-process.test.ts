/** What tracing costs a process: nothing where it is off, never a call where the collector is away, the same for several workers. */
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type OtlpReceiver, startOtlpReceiver } from "../support/otlp-receiver.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { type RunningService, startService } from "../support/service.ts";
import { ask, logged, overGrpc, overHttp, untilListened } from "../support/workers.ts";

const LOST = "spans could not be sent to the collector and are lost";

describe("the modules that a service loads", () => {
  const folder = mkdtempSync(join(tmpdir(), "mt-modules-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** The packages of OpenTelemetry among those that a service loads which answers a call. */
  async function packagesWith(
    name: string,
    env: Readonly<Record<string, string>>,
  ): Promise<readonly string[]> {
    const list = join(folder, name);
    const hook = new URL("../support/list-modules.ts", import.meta.url).href;
    const service = await startService({
      fromSources: true,
      env: { ...env, NODE_OPTIONS: `--import=${hook}`, MODULE_LIST: list },
    });
    await overGrpc(service).completeOnce({ request: ask("Say hello") });
    await service.stop();
    const loaded = readFileSync(list, "utf8");
    expect(loaded).toContain("/src/service/service.ts"); // the list is one
    return [...new Set(loaded.match(/@opentelemetry\/[\w-]+/g))].sort();
  }

  /** A few interfaces and no SDK; prom-client and Anthropic's client load it, whoever traces. */
  const WITHOUT_US = ["@opentelemetry/api"];

  it("are none of OpenTelemetry's SDK when no collector is named", async () => {
    expect(await packagesWith("off", {})).toEqual(WITHOUT_US);
    expect(
      await packagesWith("disabled", {
        OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9",
        OTEL_SDK_DISABLED: "true",
      }),
    ).toEqual(WITHOUT_US);
  });

  it("are the SDK's too when one is", async () => {
    const packages = await packagesWith("on", { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" });
    expect(packages).toContain("@opentelemetry/sdk-trace");
  });
});

describe("a collector that", () => {
  /** Takes connections and says nothing. */
  const silent = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  });
  const sockets = new Set<Socket>();
  let silentUrl: string;
  beforeAll(async () => {
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    silentUrl = `http://127.0.0.1:${(silent.address() as { port: number }).port}`;
  });
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  it.each([
    ["refuses connections", () => "http://127.0.0.1:9"],
    ["never answers", () => silentUrl],
  ])("%s costs no call, and no stop more than its grace", async (_, url) => {
    const service = await startService({
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: url(),
        OTEL_EXPORTER_OTLP_TIMEOUT: "200",
        OTEL_BSP_SCHEDULE_DELAY: "20",
        MODELTIER_GRACE_SECONDS: "3",
      },
    });
    for (let call = 0; call < 20; call += 1) {
      const { completed } = await overGrpc(service).completeOnce({ request: ask("Say hello") });
      expect(completed?.executionId).not.toBe("");
    }
    await expect.poll(() => logged(service, LOST).length).toBe(1);
    const stoppedAtMs = performance.now();
    expect(await service.stop()).toBe(0);
    expect(performance.now() - stoppedAtMs).toBeLessThan(3_000 + 2_000);
    expect(logged(service, LOST)).toHaveLength(1);
  });

  it("never answers a flush holds a stop no longer than the grace", async () => {
    const service = await startService({
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: silentUrl, MODELTIER_GRACE_SECONDS: "1" },
    });
    await overGrpc(service).completeOnce({ request: ask("Say hello") });
    const stoppedAtMs = performance.now();
    expect(await service.stop()).toBe(0);
    expect(performance.now() - stoppedAtMs).toBeLessThan(1_000 + 2_000); // the exporter itself would wait 10 s
  });
});

describe("a service that stops", () => {
  it("sends the spans that were waiting", async () => {
    const receiver = await startOtlpReceiver();
    const service = await startService({
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_BSP_SCHEDULE_DELAY: "60000" },
    });
    await overGrpc(service).completeOnce({ request: ask("Say hello") });
    expect(receiver.spans).toEqual([]);
    await service.stop();
    expect(receiver.spans.map(({ kind }) => kind)).toEqual(["CLIENT", "SERVER"]);
    await receiver.close();
  });
});

describe("two workers", () => {
  let postgres: TestPostgres;
  let receiver: OtlpReceiver;
  let service: RunningService;
  beforeAll(async () => {
    [postgres, receiver] = await Promise.all([startPostgres(), startOtlpReceiver()]);
    service = await startService({
      env: {
        DATABASE_URL: await postgres.createDatabase(),
        MODELTIER_WORKERS: "2",
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        OTEL_BSP_SCHEDULE_DELAY: "20",
      },
    });
    await untilListened(service, 2);
  });
  afterAll(async () => {
    await service.stop();
    await Promise.all([postgres.stop(), receiver.close()]);
  });

  it("send each their own", async () => {
    for (let call = 0; call < 4; call += 1) {
      await overHttp(service).completeOnce({ request: ask("Say hello") });
    }
    await expect.poll(() => receiver.spans.length, { timeout: 10_000 }).toBe(8);
    const instances = new Set(receiver.spans.map(({ resource }) => resource["service.instance.id"]));
    expect(instances.size).toBe(2);
  });
});
