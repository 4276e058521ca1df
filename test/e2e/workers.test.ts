/** Several workers behind the same ports are one service to those who call it and to those who watch it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Role } from "../../gen/modeltier/v1/completion_pb.js";
import { ConfigService } from "../../gen/modeltier/v1/config_service_pb.js";
import { CustomProviderSchema } from "../../gen/modeltier/v1/routing_config_pb.js";
import { nanoUsdOf, sumOf } from "../faults/rig/scrape.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { type RunningService, startService } from "../support/service.ts";
import {
  ask,
  logged,
  overGrpc,
  overHttp,
  providersOver,
  readMetrics,
  untilListened,
  workerPids,
} from "../support/workers.ts";

const WORKERS = 3;
const CALLS = "modeltier_provider_calls_total";
const RESTARTS = "modeltier_worker_restarts_total";

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

/** The workers that ended executions, in order, once so many have. */
async function workersOf(
  service: RunningService,
  executions: number,
): Promise<readonly (number | undefined)[]> {
  const ended = () => logged(service, "an execution ended");
  await expect.poll(() => ended().length).toBe(executions);
  return ended().map(({ worker }) => worker);
}

async function ledgerOf(service: RunningService): Promise<{ calls: number; nanoUsd: bigint }> {
  const response = await fetch(`${service.sandboxUrl}/ledger/summary`);
  const { models } = (await response.json()) as { models: { calls: number; cost_nano_usd: string }[] };
  return {
    calls: models.reduce((sum, { calls }) => sum + calls, 0),
    nanoUsd: models.reduce((sum, { cost_nano_usd }) => sum + BigInt(cost_nano_usd), 0n),
  };
}

describe("three workers", () => {
  let service: RunningService;
  const folder = mkdtempSync(join(tmpdir(), "mt-"));
  beforeAll(async () => {
    service = await startService({
      env: { DATABASE_URL: await postgres.createDatabase(), MODELTIER_WORKERS: String(WORKERS) },
      dataDir: folder,
      inOwnFolder: true,
    });
    await untilListened(service, WORKERS); // the log comes by another pipe than the banner
  });
  afterAll(async () => {
    await service.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("share both ports, each with as many connections as the others", async () => {
    for (let call = 0; call < 2 * WORKERS; call += 1)
      await overGrpc(service).completeOnce({ request: ask("a") });
    const overFirst = await workersOf(service, 2 * WORKERS);
    for (let call = 0; call < 2 * WORKERS; call += 1)
      await overHttp(service).completeOnce({ request: ask("b") });
    const overSecond = (await workersOf(service, 4 * WORKERS)).slice(2 * WORKERS);
    expect(overFirst.toSorted()).toEqual([1, 1, 2, 2, 3, 3]);
    expect(overSecond.toSorted()).toEqual([1, 1, 2, 2, 3, 3]);
  });

  it("have one sandbox, one banner and one migration", () => {
    const { stdout } = service.output();
    expect(stdout.match(/^ready$/gm)).toHaveLength(1);
    expect(logged(service, "The database is up to date")).toHaveLength(1);
  });

  it("run a decision that any of them issued", async () => {
    const { decision, decisionToken } = await overGrpc(service).route({ agentId: "planner" });
    const request = {
      routing: { case: "decisionToken" as const, value: decisionToken },
      messages: [{ role: Role.USER, parts: [{ content: { case: "text" as const, value: "hello" } }] }],
    };
    const before = logged(service, "an execution ended").length;
    for (let call = 0; call < WORKERS; call += 1) {
      const answer = await overGrpc(service).completeOnce({ request });
      expect(answer.decision?.decisionId).toBe(decision?.decisionId);
    }
    const workers = (await workersOf(service, before + WORKERS)).slice(before);
    expect(workers.toSorted()).toEqual([1, 2, 3]);
  });

  it("show metrics that equal the sandbox's ledger, whichever is asked, and do after one was killed", async () => {
    const ledger = await ledgerOf(service);
    expect(ledger.calls).toBe(5 * WORKERS);
    for (let scrape = 0; scrape < WORKERS; scrape += 1) {
      const page = await readMetrics(service);
      expect({ calls: sumOf(page, CALLS), nanoUsd: nanoUsdOf(page) }).toEqual(ledger);
    }
    const [victim] = workerPids(service);
    process.kill(victim as number, "SIGKILL");
    await untilListened(service, WORKERS + 1);
    const page = await readMetrics(service);
    expect({ calls: sumOf(page, CALLS), nanoUsd: nanoUsdOf(page) }).toEqual(ledger);
    expect(sumOf(page, RESTARTS)).toBe(1);
    expect(logged(service, "a worker is gone; another takes its place")).toMatchObject([
      { pid: victim, signal: "SIGKILL" },
    ]);
    for (let call = 0; call < WORKERS; call += 1) await overGrpc(service).completeOnce({ request: ask("c") });
    const after = await readMetrics(service);
    expect({ calls: sumOf(after, CALLS), nanoUsd: nanoUsdOf(after) }).toEqual(await ledgerOf(service));
    expect(sumOf(after, CALLS)).toBe(6 * WORKERS);
  });

  it("answer a scrape while one of them hangs, with what it had counted", async () => {
    const ledger = await ledgerOf(service);
    await readMetrics(service);
    const [frozen] = workerPids(service);
    process.kill(frozen as number, "SIGSTOP");
    try {
      const startedMs = performance.now();
      // One of the three connections goes to the worker that hangs.
      const page = await Promise.any(Array.from({ length: WORKERS }, () => readMetrics(service)));
      expect(performance.now() - startedMs).toBeLessThan(2_500);
      expect({ calls: sumOf(page, CALLS), nanoUsd: nanoUsdOf(page) }).toEqual(ledger);
    } finally {
      process.kill(frozen as number, "SIGCONT");
    }
  });

  it("take keys anew, all of them, before ReloadProviders answers; a later worker has them, too", async () => {
    const sandboxes = async () =>
      Array.fromAsync(
        Array.from({ length: WORKERS }),
        async () => (await providersOver(service).listProviders({})).sandbox,
      );
    const hasOwnKey = async () =>
      Array.fromAsync(Array.from({ length: WORKERS }), async () => {
        const { providers } = await providersOver(service).listProviders({});
        return providers.find(({ id }) => id === "own")?.keyPresent;
      });
    const configs = createClient(
      ConfigService,
      createGrpcTransport({ baseUrl: `http://${service.grpcAddress}` }),
    );
    const { config } = await configs.getConfig({});
    config?.customProviders.push(
      create(CustomProviderSchema, {
        id: "own",
        baseUrl: "https://llm.example.com/v1",
        keyVariable: "OWN_API_KEY",
      }),
    );
    await configs.publishConfig({ config, basedOn: 0n });
    await expect.poll(hasOwnKey).toEqual([false, false, false]);
    expect(await sandboxes()).toEqual([true, true, true]);
    writeFileSync(join(folder, ".env"), "OPENAI_API_KEY=sk-one\nOWN_API_KEY=own\nMODELTIER_GRPC_PORT=1\n");
    const { changed, sandbox, warnings } = await providersOver(service).reloadProviders({ author: "ana" });
    expect({ changed, sandbox }).toEqual({ changed: ["openai", "own"], sandbox: false });
    expect(warnings).toContain("kimi has no key: set KIMI_API_KEY");
    expect(await sandboxes()).toEqual([false, false, false]);
    expect(await hasOwnKey()).toEqual([true, true, true]);
    const { entries } = await configs.listAuditEntries({ action: "providers" });
    expect(entries, "one reload, however many workers").toMatchObject([{ author: "ana" }]);

    process.kill(workerPids(service)[0] as number, "SIGKILL");
    await untilListened(service, WORKERS + 2);
    expect(await sandboxes()).toEqual([false, false, false]);
    expect(await hasOwnKey()).toEqual([true, true, true]);
  });

  it("refuse wrong settings by name and keep what they had", async () => {
    writeFileSync(join(folder, ".env"), "OPENAI_API_KEY=sk-two\nMODELTIER_PROVIDERS=ollama\n");
    const refused = await providersOver(service).reloadProviders({}).catch(ConnectError.from);
    expect(String(refused)).toContain("OLLAMA_BASE_URL");
    expect((await providersOver(service).listProviders({})).sandbox).toBe(false);
  });
});
