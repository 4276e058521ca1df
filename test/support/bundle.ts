/** What tests start is what the sources say now, also when vitest is started by hand. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const BUNDLE = fileURLToPath(new URL("../../scripts/bundle.mjs", import.meta.url));

export function setup(): void {
  const { status } = spawnSync(process.execPath, [BUNDLE], { stdio: "inherit" });
  if (status !== 0) throw new Error("the service could not be bundled");
}
