/** The primary: starts what there is once, then the workers, and answers for all of them. It serves no request. */

import cluster from "node:cluster";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { programOf } from "../files.ts";
import type { Running } from "../service/banner.ts";
import { openSandbox } from "../service/open-sandbox.ts";
import type { Environment } from "../settings/environment.ts";
import type { Settings } from "../settings/settings.ts";
import { openDatabase } from "../store/database.ts";
import { migrateUntilDone } from "../store/migrations/migrate-until-done.ts";
import type { Log } from "../telemetry/log.ts";
import type { WorkerMessage } from "./messages.ts";
import { Reloads } from "./reloads.ts";
import { Scrapes } from "./scrapes.ts";
import { type Ports, Supervisor } from "./supervisor.ts";
import { TotalMetrics } from "./total-metrics.ts";
import type { WorkerProcess } from "./worker-process.ts";

export type PrimaryOptions = Readonly<{
  settings: Settings;
  /** The variables that the settings were read from. */
  environment: Environment;
  /** Reads the variables again. @throws SettingsError when no settings can be made of them */
  readAgain: () => Environment;
  log: Log;
}>;

export type Primary = Readonly<{
  running: Running;
  /** All workers stop taking calls at once and let those in flight end. Rejects when one had to be killed. */
  stop(): Promise<void>;
  /** All workers read their certificates again. */
  reloadCertificates(): void;
}>;

const ENTRY = fileURLToPath(programOf("workers/worker"));
/** For a worker to write its last records after the grace. One that takes longer hangs. */
const LAST_RECORDS_MS = 10_000;

/** Rejects as a single process would: when a port is taken, or with what keeps a worker from starting. */
export async function startPrimary(options: PrimaryOptions): Promise<Primary> {
  const { settings, log } = options;
  await assertFree(settings.host, settings.grpcPort);
  await assertFree(settings.host, settings.httpPort);
  for (const port of [settings.metricsPort, settings.adminPort]) {
    if (port !== undefined) await assertFree(settings.privateHost, port);
  }
  const sandbox = settings.sandbox ? await openSandbox(settings, log) : undefined;
  const address = sandbox === undefined ? undefined : { url: sandbox.url, baseUrls: sandbox.baseUrls };
  const database = await openDatabase({ url: settings.databaseUrl, dataDir: settings.dataDir, log });
  const closing = new AbortController();
  migrateUntilDone(database.migrate, { log, signal: closing.signal });

  const environment = handDown(options);
  const totals = new TotalMetrics();
  const workers = () => supervisor.workers;
  const answers: Answers = {
    scrapes: new Scrapes({ totals, workers }),
    reloads: new Reloads({ readAgain: options.readAgain, workers }),
  };

  cluster.setupPrimary({ exec: ENTRY, serialization: "advanced" });
  const supervisor: Supervisor = new Supervisor({
    workers: settings.workers,
    isAnyPort: [settings.grpcPort, settings.httpPort, settings.metricsPort, settings.adminPort].includes(0),
    startMessage: (ports) => ({
      type: "start",
      environment: { ...environment, ...portVariables(ports) },
      reloaded: answers.reloads.environment,
      sandbox: address,
    }),
    onMessage: (from, message) => {
      answer(from, message, answers).catch((error: unknown) => {
        log.error("a worker's message could not be handled", { type: message.type, error: nameOf(error) });
      });
    },
    onGone: ({ id }) => void totals.retire(id),
    onRestart: () => totals.countRestart(),
    log,
    nowMs: () => performance.now(),
  });
  const { grpcPort, httpPort, metricsPort, adminPort, retired, openTo } = await supervisor.start();

  const stop = async (): Promise<void> => {
    const endedWell = await supervisor.drain(settings.graceMs + LAST_RECORDS_MS);
    closing.abort();
    await Promise.all([database.close(), sandbox?.close()]);
    if (!endedWell) throw new Error("a worker did not end well");
  };
  return {
    running: {
      settings,
      grpcPort,
      httpPort,
      metricsPort,
      adminPort,
      retired,
      openTo,
      sandboxUrl: sandbox?.url,
      engine: database.engine,
    },
    stop,
    reloadCertificates: () => {
      for (const worker of supervisor.workers) worker.send({ type: "certificates" });
    },
  };
}

type Answers = Readonly<{ scrapes: Scrapes; reloads: Reloads }>;

async function answer(
  from: WorkerProcess,
  message: WorkerMessage,
  { scrapes, reloads }: Answers,
): Promise<void> {
  if (message.type === "snapshot") scrapes.onSnapshot(from.id, message.metrics, message.id);
  else if (message.type === "reloaded") reloads.onReloaded(message.id, message.changed);
  else if (message.type === "metrics_wanted") {
    from.send({ type: "metrics", id: message.id, text: await scrapes.render() });
  } else if (message.type === "reload_wanted") {
    from.send({ type: "reload_ended", id: message.id, outcome: await reloads.reload() });
  }
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : typeof error);

/** @throws the socket's error, naming address and port, as a single process would */
async function assertFree(host: string, port: number): Promise<void> {
  const server = createServer().listen(port, host);
  await once(server, "listening");
  server.close();
  await once(server, "close");
}

/** A token that one worker issued has to hold at the others. */
const handDown = ({ environment, settings }: PrimaryOptions): Environment => ({
  ...environment,
  MODELTIER_TOKEN_SECRET: settings.tokenSecret ?? randomBytes(32).toString("hex"),
});

const portVariables = (ports: Ports | undefined): Environment =>
  ports === undefined
    ? {}
    : {
        MODELTIER_GRPC_PORT: String(ports.grpcPort),
        MODELTIER_HTTP_PORT: String(ports.httpPort),
        ...(ports.metricsPort !== undefined && { MODELTIER_METRICS_PORT: String(ports.metricsPort) }),
        ...(ports.adminPort !== undefined && { MODELTIER_ADMIN_PORT: String(ports.adminPort) }),
      };
