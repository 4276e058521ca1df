/** The composition root: reads the settings, starts the service, stops it when told to. */

import { banner } from "./service/banner.ts";
import { startService } from "./service/service.ts";
import { readEnvironment } from "./settings/environment.ts";
import { SettingsError } from "./settings/reader.ts";
import { listUnknownVariables, readSettings } from "./settings/settings.ts";
import { createLog } from "./telemetry/log.ts";

const folder = process.cwd();
const read = () => readSettings(readEnvironment(process.env, folder), folder);

async function main(): Promise<void> {
  const settings = read();
  const log = createLog(settings.logLevel);
  for (const name of listUnknownVariables(readEnvironment(process.env, folder))) {
    log.warn("a setting is not known; is it misspelt?", { name });
  }
  const service = await startService({ settings, readAgain: read, log });
  process.stdout.write(banner(service.running));

  let asked = 0;
  const stop = (signal: NodeJS.Signals) => {
    asked += 1;
    if (asked > 1) process.exit(1); // asked twice: whoever asks does not want to wait
    log.info("stopping; calls in flight may end", { signal });
    service.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
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
