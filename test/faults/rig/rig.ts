/**
 * The service as it runs in production, with the sandbox in the place of the providers and a proxy that breaks
 * connections between them. Faults go by model name, and every name is a target of its own: what one test does to a
 * breaker the next does not feel.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import pg from "pg";
import { RouterService } from "../../../gen/modeltier/v1/router_service_pb.js";
import { Tier } from "../../../gen/modeltier/v1/routing_pb.js";
import { KEY_CANARY, PAYLOAD_CANARY } from "../../../src/sandbox/dialects/canaries.ts";
import { type Sandbox, type SandboxOptions, startSandbox } from "../../../src/sandbox/sandbox.ts";
import { copyCluster } from "../../support/embedded-folder.ts";
import { type RunningService, startService } from "../../support/service.ts";
import { startTcpProxy, type TcpProxy } from "../../support/tcp-proxy.ts";
import { type Ask, call, type Heard } from "./call.ts";

export const FALLBACK = "anthropic/claude-3-haiku-20240307";
export const SECOND_FALLBACK = "kimi/kimi-k2-0905-preview";

/** A tier whose only target is down: after the primary nothing is left. */
export const NO_FALLBACK = Tier.POWERFUL;

export type Rig = Readonly<{
  sandbox: Sandbox;
  proxy: TcpProxy;
  service: RunningService;
  database: pg.Client;
  router: Client<typeof RouterService>;
  /** Must be found nowhere outside of requests. */
  canaries: readonly string[];
  /** A target that nobody has asked yet, in OpenAI's dialect, whose attempts meet the faults. */
  primary(faults?: string): string;
  /** The same behind the proxy. */
  proxied(faults?: string): string;
  call(agentId: string, ask: Ask): Promise<Heard>;
  /** Calls made so far. */
  calls(): number;
  metrics(): Promise<string>;
  stop(): Promise<void>;
}>;

export type RigOptions = Readonly<{
  /** Added to the service's environment. */
  env?: Readonly<Record<string, string>>;
  sandbox?: SandboxOptions;
  /** Makes base URLs of further OpenAI-compatible providers, by name. */
  providers?: (sandbox: Sandbox) => Promise<Readonly<Record<string, string>>>;
  /** In place of the embedded database. */
  databaseUrl?: string;
}>;

const PROMPT_CANARY = "CANARY-PROMPT-51c8e0";
const keyCanary = (provider: string): string => `sk-CANARY-${provider}-9f27d4`;

export async function startRig(options: RigOptions = {}): Promise<Rig> {
  const sandbox = await startSandbox({ tokensPerSecond: 4_000, ...options.sandbox });
  const proxy = await startTcpProxy(Number(new URL(sandbox.url).port));
  const dataDir = mkdtempSync(join(tmpdir(), "mt-"));
  if (options.databaseUrl === undefined) await copyCluster(dataDir);
  const baseUrls = {
    primary: sandbox.baseUrls.openai,
    proxied: `http://127.0.0.1:${proxy.port}/openai/v1`,
    ...(await options.providers?.(sandbox)),
  };
  const env = {
    ...environmentOf(sandbox, baseUrls),
    ...(options.databaseUrl !== undefined && { DATABASE_URL: options.databaseUrl }),
    ...options.env,
  };
  const service = await startService({ env, dataDir });
  const database = new pg.Client(databaseConfig(service, options.databaseUrl));
  await database.connect();
  await holdsWithin(30_000, () => hasTables(database));
  const router = createClient(
    RouterService,
    createGrpcTransport({ baseUrl: `http://${service.grpcAddress}` }),
  );
  let names = 0;
  let calls = 0;
  const target = (provider: string, faults: string): string => {
    names += 1;
    return `${provider}/model-${names}${faults === "" ? "" : `!${faults}`}`;
  };
  const keys = ["openai", "anthropic", "kimi", ...Object.keys(baseUrls)].map(keyCanary);
  return {
    sandbox,
    proxy,
    service,
    database,
    router,
    canaries: [...keys, PROMPT_CANARY, KEY_CANARY, PAYLOAD_CANARY],
    primary: (faults = "") => target("primary", faults),
    proxied: (faults = "") => target("proxied", faults),
    call: (agentId, ask) => {
      calls += 1;
      return call(router, agentId, PROMPT_CANARY, ask);
    },
    calls: () => calls,
    metrics: async () => (await fetch(`${service.httpUrl}/metrics`)).text(),
    async stop() {
      await database.end();
      await service.stop();
      await Promise.all([proxy.close(), sandbox.close()]);
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function environmentOf(sandbox: Sandbox, baseUrls: Readonly<Record<string, string>>): Record<string, string> {
  const fallbacks = `${FALLBACK},${SECOND_FALLBACK}`;
  const custom = Object.entries(baseUrls).flatMap(([name, url]) => [
    [`${name.toUpperCase()}_BASE_URL`, url],
    [`${name.toUpperCase()}_API_KEY`, keyCanary(name)],
  ]);
  return {
    MODELTIER_SANDBOX: "false",
    MODELTIER_RETIRED_MODELS: "try",
    MODELTIER_TIER_FAST: fallbacks,
    MODELTIER_TIER_BALANCED: fallbacks,
    MODELTIER_TIER_POWERFUL: "primary/dead!503",
    OPENAI_BASE_URL: sandbox.baseUrls.openai,
    OPENAI_API_KEY: keyCanary("openai"),
    ANTHROPIC_BASE_URL: sandbox.baseUrls.anthropic,
    ANTHROPIC_API_KEY: keyCanary("anthropic"),
    KIMI_BASE_URL: sandbox.baseUrls.kimi,
    KIMI_API_KEY: keyCanary("kimi"),
    MODELTIER_PROVIDERS: Object.keys(baseUrls).join(","),
    ...Object.fromEntries(custom),
  };
}

function databaseConfig(service: RunningService, url: string | undefined): pg.ClientConfig {
  if (url !== undefined) return { connectionString: url };
  const host = /psql -h (\S+)/.exec(service.output().stdout)?.[1];
  return { host, user: "postgres", database: "postgres" };
}

/** The service is ready before its tables are. */
async function hasTables(database: pg.Client): Promise<boolean> {
  const { rows } = await database.query("select to_regclass('ai_analytics') is not null as are_there");
  return rows[0].are_there;
}

/** Waits until the condition holds; false when it did not in time. */
export async function holdsWithin(
  limitMs: number,
  condition: () => boolean | Promise<boolean>,
): Promise<boolean> {
  const untilMs = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > untilMs) return false;
    await sleep(5);
  }
  return true;
}
