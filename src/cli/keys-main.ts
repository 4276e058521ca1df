/** `npm run keys -- …`: makes and ends keys on the database itself, so that the first one needs no key. */
import { readEnvironment } from "../settings/environment.ts";
import { SettingsError } from "../settings/reader.ts";
import { readSettings } from "../settings/settings.ts";
import { createLog } from "../telemetry/log.ts";
import { EXIT } from "./cli.ts";
import { runKeys } from "./keys.ts";

const folder = process.cwd();
try {
  process.exitCode = await runKeys(process.argv.slice(2), {
    settings: readSettings(readEnvironment(process.env, folder), folder),
    log: createLog("warn"),
    print: (line) => process.stdout.write(`${line}\n`),
    say: (line) => process.stderr.write(`${line}\n`),
  });
} catch (error) {
  const text = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${error instanceof SettingsError ? "" : "The keys could not be reached: "}${text}\n`);
  process.exitCode = EXIT.failed;
}
