// Makes `npm start` and `npm test` work in a fresh clone: installs the locked packages when they are missing or
// older than the lockfile. Plain JavaScript for Node 20, because it runs before the project's own Node is there.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, "node_modules");
const stampFile = join(modules, ".modeltier-lock");
const wanted = createHash("sha256")
  .update(readFileSync(join(root, "package-lock.json")))
  .update(`${process.platform}-${process.arch}`)
  .digest("hex");

const installed = () =>
  existsSync(join(modules, ".bin", "node")) &&
  existsSync(stampFile) &&
  readFileSync(stampFile, "utf8") === wanted;

if (!installed()) {
  console.error("Installing the locked packages (npm ci), once …");
  // Install scripts are needed by the packages that carry a binary; which ones may run is in package.json, allowScripts.
  const npm = spawnSync(
    "npm",
    ["ci", "--no-audit", "--no-fund", "--loglevel=error", "--ignore-scripts=false"],
    {
      cwd: root,
      stdio: ["ignore", 2, 2],
    },
  );
  if (npm.status !== 0) {
    console.error(
      "npm ci failed; the lines above say why. The npm registry must be reachable for this step.",
    );
    process.exit(npm.status ?? 1);
  }
  writeFileSync(stampFile, wanted);
}

const { buildAdminPage } = await import("./admin-page.mjs");
const { bundleService } = await import("./bundle.mjs");
const status = buildAdminPage() || bundleService();
if (status !== 0) process.exit(status);
