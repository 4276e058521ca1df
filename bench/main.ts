import { join } from "node:path";
import { parseArgs } from "node:util";
import { pinBench } from "./lib/machine.ts";
import { ROOT } from "./lib/processes.ts";
import { profile, profileFolder } from "./profile/profile.ts";

const { values } = parseArgs({
  options: { profile: { type: "string" }, seconds: { type: "string", default: "10" } },
});
pinBench();
if (values.profile)
  await profile(
    values.profile,
    Number(values.seconds),
    profileFolder(join(ROOT, "bench/results"), values.profile),
  );
process.exit(process.exitCode ?? 0);
