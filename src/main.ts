/** The composition root: reads the settings, starts the service, stops it when told to. */

import { banner, type Running } from "./service/banner.ts";
import { type Environment, readEnvironment } from "./settings/environment.ts";
import { SettingsError } from "./settings/reader.ts";
import { listUnknownVariables, readSettings, type Settings } from "./settings/settings.ts";
import { createLog, type Log } from "./telemetry/log.ts";
import { endOnUncaught } from "./telemetry/uncaught.ts";

const folder = process.cwd();

/** The settings and the variables they come from. @throws SettingsError */
function read(): Readonly<{ environment: Environment; settings: Settings }> {
  const environment = readEnvironment(process.env, folder);
  return { environment, settings: readSettings(environment, folder) };
}

async function main(): Promise<void> {
  const { environment, settings } = read();
  const log = createLog(settings.logLevel);
  for (const name of listUnknownVariables(environment)) {
    log.warn("a setting is not known; is it misspelt?", { name });
  }
  const service = await start(settings, environment, log);
  let asked = 0;
  let exitCode = 0;
  const end = (): Promise<void> =>
    service.stop().then(
      () => process.exit(exitCode),
      () => process.exit(1),
    );
  endOnUncaught(log, () => {
    exitCode = 1;
    return end();
  });
  const stop = (signal: NodeJS.Signals) => {
    asked += 1;
    if (asked > 1) process.exit(1); // asked twice: whoever asks does not want to wait
    log.info("stopping; calls in flight may end", { signal });
    void end();
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  // Without certificates the signal means what it always does: the terminal is gone.
  if (settings.access.tls !== undefined) process.on("SIGHUP", () => service.reloadCertificates());

  // Last, because whoever reads it may send a signal at once. They may also be gone before it is written.
  process.stdout.on("error", () => undefined);
  process.stdout.write(banner(service.running));
}

type Started = Readonly<{ running: Running; stop(): Promise<void>; reloadCertificates(): void }>;

/** In this process, or in several below it: the one loads nothing of the other. */
async function start(settings: Settings, environment: Environment, log: Log): Promise<Started> {
  if (settings.workers > 1) {
    const { startPrimary } = await import("./workers/primary.ts");
    return startPrimary({ settings, environment, readAgain: () => read().environment, log });
  }
  const { startService } = await import("./service/service.ts");
  return startService({ settings, log, reloadProviders: async (take) => take(read().settings) });
}

main().catch((error: unknown) => {
  const text = error instanceof SettingsError ? error.message : startFailure(error);
  process.stderr.write(`Modeltier could not start: ${text}\n`);
  process.exit(1);
});

/** The error's own words: at the start there is no prompt and no caller whose text they could hold. */
function startFailure(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
