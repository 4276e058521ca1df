/**
 * The service as it runs in production, with the sandbox in the place of the providers and a proxy that breaks
 * connections between them. Faults go by model name, and every name is a target of its own: what one test does to a
 * breaker the next does not feel.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import pg from "pg";
import { RouterService } from "../../../gen/modeltier/v1/router_service_pb.js";
import { Tier } from "../../../gen/modeltier/v1/routing_pb.js";
import { KEY_CANARY, PAYLOAD_CANARY } from "../../../src/sandbox/dialects/canaries.ts";
import { type Sandbox, type SandboxOptions, startSandbox } from "../../../src/sandbox/sandbox.ts";
import { databaseOf } from "../../support/database-of.ts";
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
  /** Must be found nowhere outside of requests. */
  canaries: readonly string[];
  /** A target that nobody has asked yet, in OpenAI's dialect, whose attempts meet the faults. */
  primary(faults?: string): string;
  /** The same behind the proxy. */
  proxied(faults?: string): string;
  call(agentId: string, ask: Ask): Promise<Heard>;
  /** Calls made so far, and how many of them were under way at the busiest moment. */
  calls(): number;
  mostAtOnce(): number;
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

const TABLES_WITHIN_MS = 30_000;
/** The embedded database lets a session go that asks nothing for 30 s. */
const KEEP_ALIVE_MS = 10_000;
const PROMPT_CANARY = "CANARY-PROMPT-51c8e0";
const keyCanary = (provider: string): string => `sk-CANARY-${provider}-9f27d4`;

/** @throws when the service does not start; nothing is left running then */
export async function startRig(options: RigOptions = {}): Promise<Rig> {
  const stack = new AsyncDisposableStack();
  try {
    return await buildRig(options, stack);
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function buildRig(options: RigOptions, stack: AsyncDisposableStack): Promise<Rig> {
  const sandbox = await startSandbox({ tokensPerSecond: 4_000, ...options.sandbox });
  stack.defer(() => sandbox.close());
  const proxy = await startTcpProxy(Number(new URL(sandbox.url).port));
  stack.defer(() => proxy.close());
  const baseUrls = {
    primary: sandbox.baseUrls.openai,
    proxied: `http://127.0.0.1:${proxy.port}/openai/v1`,
    ...(await options.providers?.(sandbox)),
  };
  const service = await startServiceOver(sandbox, baseUrls, options, stack);
  const database = new pg.Client(databaseOf(service, options.databaseUrl));
  // A test that keeps this process busy for longer than that loses its session; only one that asks for rows minds.
  database.on("error", () => undefined);
  await database.connect();
  const keepAlive = setInterval(() => void database.query("select 1").catch(() => {}), KEEP_ALIVE_MS).unref();
  stack.defer(() => database.end());
  stack.defer(() => clearInterval(keepAlive));
  await holdsWithin(TABLES_WITHIN_MS, () => hasTables(database));
  const providers = ["openai", "anthropic", "kimi", ...Object.keys(baseUrls)];
  return {
    sandbox,
    proxy,
    service,
    database,
    canaries: [...providers.map(keyCanary), PROMPT_CANARY, KEY_CANARY, PAYLOAD_CANARY],
    ...namer(),
    ...caller(service),
    metrics: async () => (await fetch(`${service.httpUrl}/metrics`)).text(),
    stop: () => stack.disposeAsync(),
  };
}

async function startServiceOver(
  sandbox: Sandbox,
  baseUrls: Readonly<Record<string, string>>,
  options: RigOptions,
  stack: AsyncDisposableStack,
): Promise<RunningService> {
  const dataDir = mkdtempSync(join(tmpdir(), "mt-"));
  stack.defer(() => rmSync(dataDir, { recursive: true, force: true }));
  if (options.databaseUrl === undefined) await copyCluster(dataDir);
  const env = {
    ...environmentOf(sandbox, baseUrls),
    ...(options.databaseUrl !== undefined && { DATABASE_URL: options.databaseUrl }),
    ...options.env,
  };
  const service = await startService({ env, dataDir });
  stack.defer(async () => void (await service.stop()));
  return service;
}

function namer(): Pick<Rig, "primary" | "proxied"> {
  let names = 0;
  const target = (provider: string, faults: string): string => {
    names += 1;
    return `${provider}/model-${names}${faults === "" ? "" : `!${faults}`}`;
  };
  return {
    primary: (faults = "") => target("primary", faults),
    proxied: (faults = "") => target("proxied", faults),
  };
}

function caller({ grpcAddress }: RunningService): Pick<Rig, "call" | "calls" | "mostAtOnce"> {
  const router = createClient(RouterService, createGrpcTransport({ baseUrl: `http://${grpcAddress}` }));
  let calls = 0;
  let atOnce = 0;
  let mostAtOnce = 0;
  return {
    async call(agentId, ask) {
      calls += 1;
      atOnce += 1;
      mostAtOnce = Math.max(mostAtOnce, atOnce);
      const heard = await call(router, agentId, PROMPT_CANARY, ask);
      atOnce -= 1;
      return heard;
    },
    calls: () => calls,
    mostAtOnce: () => mostAtOnce,
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
