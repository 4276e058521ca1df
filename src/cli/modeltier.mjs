#!/usr/bin/env node
// `npx modeltier` in a clone: installs what is missing, then runs the command line on the project's own Node.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

await import("../../scripts/install.mjs");
const here = dirname(fileURLToPath(import.meta.url));
const node = join(here, "../../node_modules/.bin/node");
const run = spawnSync(node, [join(here, "main.ts"), ...process.argv.slice(2)], { stdio: "inherit" });
process.exit(run.status ?? 1);
