/**
 * A service under steady calls with every fault of a provider among them, a Postgres behind it, for as long as is asked. What it keeps is
 * measured after a collection of garbage; at the end everything that was asked has its row, and nothing is under way.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import pg from "pg";
import { slope } from "../../bench/lib/stats.ts";
import { Role } from "../../gen/modeltier/v1/completion_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts";
import { providersOf } from "../../test/faults/rig/replicas.ts";
import { sumOf } from "../../test/faults/rig/scrape.ts";
import { startPostgres } from "../../test/support/postgres.ts";
import { type RunningService, startService } from "../../test/support/service.ts";
import { FAULTS } from "./faults.ts";

export type SoakOptions = Readonly<{
  minutes: number;
  perSecond: number;
  /** In [0, 1); which fault a call meets, if any. */
  random: () => number;
  say(text: string): void;
}>;

export type SoakReport = Readonly<{
  minutes: number;
  perSecond: number;
  calls: number;
  /** By the code that the caller heard; "ok" for an answer. */
  heard: Readonly<Record<string, number>>;
  attempts: number;
  rows: Readonly<{ executions: number; attempts: number }>;
  /** Under way when all had been told; anything but 0 was left behind. */
  left: Readonly<{ calls: number; bytes: number; records: number }>;
  heap: Readonly<{ firstMb: number; lastMb: number; mbPerHour: number }>;
  rss: Readonly<{ firstMb: number; lastMb: number; mbPerHour: number }>;
}>;

/** Each fault is met by so many calls; the rest meet none. */
export const SHARE_OF_EACH = 0.05;
/** What a process learns in its first minutes it keeps. */
const WARM_UP_SHARE = 1 / 6;
const MB = 1_000_000;
const CONNECTIONS = 4;
const HEAP = fileURLToPath(new URL("./heap.mjs", import.meta.url));

export async function soak(options: SoakOptions): Promise<SoakReport> {
  await using stack = new AsyncDisposableStack();
  const sandbox = await startSandbox({ tokensPerSecond: 2_000 });
  stack.defer(() => sandbox.close());
  const postgres = await startPostgres();
  stack.defer(() => postgres.stop());
  const databaseUrl = await postgres.createDatabase();
  const dataDir = mkdtempSync(join(tmpdir(), "mt-soak-"));
  stack.defer(() => rmSync(dataDir, { recursive: true, force: true }));
  const env = {
    ...providersOf(sandbox),
    // Whose models nobody lists, so that they may have a fault in their names.
    MODELTIER_PROVIDERS: "primary",
    PRIMARY_BASE_URL: sandbox.baseUrls.openai,
    PRIMARY_API_KEY: "primary",
    DATABASE_URL: databaseUrl,
    LOG_LEVEL: "error",
    NODE_OPTIONS: `--expose-gc --import=${HEAP}`,
    // So that a minute of silence takes a second.
    MODELTIER_HEADERS_TIMEOUT_MS: "1500",
    MODELTIER_FIRST_TOKEN_TIMEOUT_MS: "1500",
    MODELTIER_BYTE_SILENCE_MS: "1500",
    MODELTIER_CONTENT_SILENCE_MS: "1500",
    MODELTIER_MAX_LAG_MS: "10000",
  };
  const service = await startService({ env, dataDir });
  stack.defer(() => service.stop().then(() => undefined));
  const database = new pg.Client({ connectionString: databaseUrl });
  await database.connect();
  stack.defer(() => database.end());

  const samples = new Samples(service, options);
  const counted = new Attempts(sandbox);
  const heard = await callSteadily(service, options, async () => {
    await samples.take();
    counted.look();
  });
  const calls = Object.values(heard).reduce((sum, count) => sum + count, 0);
  await samples.take();
  counted.look();
  const rows = await settledRows(database, calls);
  const { minutes, perSecond } = options;
  return {
    ...{ minutes, perSecond, calls, heard, attempts: counted.count, rows },
    left: await leftBehind(service),
    ...samples.summary(),
  };
}

/** Calls at a fixed rate; `look` runs about every half minute, and at least four times. */
async function callSteadily(
  service: RunningService,
  { minutes, perSecond, random }: SoakOptions,
  look: () => Promise<void>,
): Promise<Record<string, number>> {
  const baseUrl = `http://${service.grpcAddress}`;
  const routers = Array.from({ length: CONNECTIONS }, () =>
    createClient(RouterService, createGrpcTransport({ baseUrl })),
  );
  const heard: Record<string, number> = {};
  const running = new Set<Promise<void>>();
  const total = Math.round(minutes * 60 * perSecond);
  const looksEvery = Math.max(1, Math.min(30 * perSecond, Math.floor(total / 4)));
  const startMs = performance.now();
  for (let number = 0; number < total; number += 1) {
    const waitMs = startMs + (number / perSecond) * 1_000 - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    const router = routers[number % CONNECTIONS] as Client<typeof RouterService>;
    const call = callOnce(router, number, random).then((what) => {
      heard[what] = (heard[what] ?? 0) + 1;
    });
    running.add(call);
    void call.finally(() => running.delete(call));
    if (number % looksEvery === looksEvery - 1) await look();
  }
  await Promise.all(running);
  return heard;
}

/** Half of them as streams. @returns "ok", or the code of the error */
async function callOnce(
  router: Client<typeof RouterService>,
  number: number,
  random: () => number,
): Promise<string> {
  const [fault] = FAULTS.slice(Math.floor(random() / SHARE_OF_EACH));
  const request = {
    routing: {
      case: "route" as const,
      value: {
        agentId: `agent-${number % 200}`,
        sessionId: `session-${number % 1_000}`,
        constraints: { model: fault === undefined ? "" : `primary/gpt-4o-mini!${fault}` },
      },
    },
    messages: [
      {
        role: Role.USER,
        parts: [{ content: { case: "text" as const, value: "[tokens=40] Say something" } }],
      },
    ],
  };
  try {
    if (number % 2 === 0) await router.completeOnce({ request });
    else for await (const _ of router.complete({ ...request, acceptRestart: true }));
    return "ok";
  } catch (error) {
    return String((error as { code?: unknown }).code ?? "unknown");
  }
}

/** What the providers were asked; their own list holds the last 100,000. */
class Attempts {
  readonly #sandbox: Sandbox;
  #sequence = 0;

  constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox;
  }

  get count(): number {
    return this.#sequence;
  }

  look(): void {
    this.#sequence = this.#sandbox.ledger.entries(this.#sequence).at(-1)?.sequence ?? this.#sequence;
  }
}

class Samples {
  readonly #service: RunningService;
  readonly #say: (text: string) => void;
  readonly #startMs = performance.now();
  readonly #points: { hours: number; heap: number; rss: number }[] = [];

  constructor(service: RunningService, { say }: SoakOptions) {
    this.#service = service;
    this.#say = say;
  }

  async take(): Promise<void> {
    const { length } = this.#service.output().stdout;
    process.kill(this.#service.pid, "SIGUSR2");
    for (let tries = 0; tries < 100; tries += 1) {
      await sleep(50);
      const [, heap, rss] =
        /soak heap (\d+) rss (\d+)\n/.exec(this.#service.output().stdout.slice(length)) ?? [];
      if (heap === undefined || rss === undefined) continue;
      const hours = (performance.now() - this.#startMs) / 3_600_000;
      this.#points.push({ hours, heap: Number(heap) / MB, rss: Number(rss) / MB });
      this.#say(
        `${(hours * 60).toFixed(1)} min: heap ${(Number(heap) / MB).toFixed(1)} MB, RSS ${(Number(rss) / MB).toFixed(0)} MB`,
      );
      return;
    }
    throw new Error("the service does not say what it holds");
  }

  /** After the warm-up, by least squares. */
  summary(): Pick<SoakReport, "heap" | "rss"> {
    const last = this.#points.at(-1)?.hours ?? 0;
    const settled = this.#points.filter(({ hours }) => hours >= last * WARM_UP_SHARE);
    const of = (what: "heap" | "rss") => ({
      firstMb: settled[0]?.[what] ?? Number.NaN,
      lastMb: settled.at(-1)?.[what] ?? Number.NaN,
      mbPerHour: slope(settled.map((point) => [point.hours, point[what]])),
    });
    return { heap: of("heap"), rss: of("rss") };
  }
}

async function settledRows(database: pg.Client, calls: number): Promise<SoakReport["rows"]> {
  for (let tries = 0; ; tries += 1) {
    const { rows } = await database.query(
      `select (select count(*)::int from orchestration_executions) as executions,
        (select count(*)::int from ai_analytics) as attempts`,
    );
    if (rows[0].executions >= calls || tries === 120) return rows[0];
    await sleep(500);
  }
}

async function leftBehind({ httpUrl }: RunningService): Promise<SoakReport["left"]> {
  const page = await (await fetch(`${httpUrl}/metrics`)).text();
  return {
    calls: sumOf(page, "modeltier_calls_in_flight"),
    bytes: sumOf(page, "modeltier_request_bytes_in_flight"),
    records: sumOf(page, "modeltier_spool_records"),
  };
}

export function writeReport(report: SoakReport, file: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(report, undefined, 2)}\n`);
}
