/** A worker: the service, in a process that shares its ports with others. Only the primary starts it. */
import cluster, { type Worker } from "node:cluster";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Service, startService } from "../service/service.ts";
import { SettingsError } from "../settings/reader.ts";
import { readSettings, type Settings } from "../settings/settings.ts";
import { createLog } from "../telemetry/log.ts";
import { takeSnapshot } from "../telemetry/snapshot.ts";
import { endOnUncaught } from "../telemetry/uncaught.ts";
import {
  type PrimaryMessage,
  type ReloadOutcome,
  readPrimaryMessage,
  type StartMessage,
  type WorkerMessage,
} from "./messages.ts";
import { Questions } from "./questions.ts";

/** How stale the totals of a worker can be that is killed. */
const SNAPSHOT_INTERVAL_MS = 1_000;
/** Longer than the primary takes when a worker hangs. */
const METRICS_MS = 3_000;
const RELOAD_MS = 15_000;

const self = cluster.worker as Worker;
const folder = process.cwd();
const metricsAsked = new Questions<string>();
const reloadsAsked = new Questions<ReloadOutcome>();
const started = Promise.withResolvers<Service>();
let service: Service | undefined;
let isEnding = false;
let exitCode = 0;

process.on("message", (value: unknown) => {
  const message = readPrimaryMessage(value);
  if (message !== undefined) void handle(message);
});
// To the whole process group the primary listens, too, and says the same; to this process alone it means this one.
process.on("SIGTERM", () => end());
process.on("SIGINT", () => end());
// A terminal that closes tells the whole group; what is to be read again the primary says.
process.on("SIGHUP", () => undefined);
self.on("disconnect", () => {
  self.exitedAfterDisconnect = true; // or Node would end the process at once, with its calls
  void end();
});
void send({ type: "hello" });

async function handle(message: PrimaryMessage): Promise<void> {
  switch (message.type) {
    case "start":
      return start(message);
    case "drain":
      return end();
    case "certificates":
      return service?.reloadCertificates();
    case "snapshot_wanted":
      return sendSnapshot(message.id);
    case "metrics":
      return metricsAsked.answer(message.id, message.text);
    case "reload_ended":
      return reloadsAsked.answer(message.id, message.outcome);
    case "reload": {
      const { reload } = await started.promise;
      const changed = reload(readSettings(message.environment, folder));
      return send({ type: "reloaded", id: message.id, changed });
    }
  }
}

async function start(message: StartMessage): Promise<void> {
  try {
    const settings = settingsFrom(message);
    const log = createLog(settings.logLevel, { everywhere: { worker: self.id } });
    endOnUncaught(log, () => end(1));
    service = await startService({
      settings,
      log,
      reloadProviders,
      shared: { sandbox: message.sandbox, renderMetrics },
    });
  } catch (error) {
    await send({ type: "failed", explanation: error instanceof Error ? error.message : String(error) });
    process.exit(1);
  }
  started.resolve(service);
  setInterval(sendSnapshot, SNAPSHOT_INTERVAL_MS).unref();
  const { grpcPort, httpPort, metricsPort, adminPort, retired, openTo } = service.running;
  await send({ type: "listening", grpcPort, httpPort, metricsPort, adminPort, retired, openTo });
}

/** As all workers started, but with the keys and base URLs that all have now. */
function settingsFrom({ environment, reloaded }: StartMessage): Settings {
  const settings = readSettings(environment, folder);
  if (reloaded === undefined) return settings;
  const { providers, customKeys, sandbox } = readSettings(reloaded, folder);
  return { ...settings, providers, customKeys, sandbox };
}

/** Ends the calls in flight, then the process. Asked again, nothing more happens: the primary kills who must end at once. */
async function end(code = 0): Promise<void> {
  exitCode = Math.max(exitCode, code);
  if (isEnding) return;
  isEnding = true;
  if (service === undefined) process.exit(exitCode);
  try {
    await service.stop();
    await sendSnapshot();
    process.exit(exitCode);
  } catch {
    process.exit(1);
  }
}

async function renderMetrics(): Promise<string> {
  const text = await metricsAsked.ask((id) => send({ type: "metrics_wanted", id }), METRICS_MS);
  if (text === undefined) throw new Error("the primary process does not answer");
  return text;
}

async function reloadProviders(): Promise<readonly string[]> {
  const outcome = await reloadsAsked.ask((id) => send({ type: "reload_wanted", id }), RELOAD_MS);
  if (outcome?.kind === "done") return outcome.changed;
  if (outcome?.kind === "refused") throw new SettingsError(outcome.problems);
  throw new ConnectError("not every worker has said that it has the keys; call again", Code.Unavailable);
}

async function sendSnapshot(id?: number): Promise<void> {
  if (service !== undefined)
    await send({ type: "snapshot", id, metrics: await takeSnapshot(service.metrics) });
}

/** Resolves when it is on its way, or when nobody is there to hear it. */
function send(message: WorkerMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected) process.send?.(message, undefined, undefined, () => resolve());
    else resolve();
  });
}
