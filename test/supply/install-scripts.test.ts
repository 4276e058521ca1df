/** X24: npm itself, in a project of the test's own under this project's rules: what nobody decided on does not run. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));

/** Without what `npm test` hands on to everything below it: its own settings, this project's among them. */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));

/** An npm from before allowScripts runs every script; it does not know the setting. */
const npmDecides = spawnSync("npm", ["config", "get", "strict-allow-scripts"], {
  cwd: tmpdir(),
  env,
  encoding: "utf8",
});

test.skipIf(npmDecides.stdout.trim() === "undefined")(
  "X24 npm refuses to install a package whose install script nobody decided on",
  () => {
    const folder = mkdtempSync(join(tmpdir(), "mt-scripts-"));
    const ran = join(folder, "ran");
    const npm = (cwd: string, ...args: string[]) =>
      spawnSync("npm", [...args, "--offline", "--no-audit", "--ignore-scripts=false"], {
        cwd,
        env,
        encoding: "utf8",
      });
    try {
      mkdirSync(join(folder, "stranger"));
      const stranger = { name: "stranger", version: "1.0.0", scripts: { install: `touch ${ran}` } };
      writeFileSync(join(folder, "stranger/package.json"), JSON.stringify(stranger));
      npm(folder, "pack", "./stranger");
      const project = { name: "project", dependencies: { stranger: "file:stranger-1.0.0.tgz" } };
      writeFileSync(
        join(folder, "package.json"),
        JSON.stringify({ ...project, allowScripts: manifest.allowScripts }),
      );
      const locks = npm(folder, "install", "--package-lock-only");
      expect(locks.status, locks.stderr).toBe(0);
      writeFileSync(join(folder, ".npmrc"), readFileSync(join(ROOT, ".npmrc")));
      const installed = npm(folder, "ci");
      expect(installed.stderr).toContain("stranger");
      expect(installed.status).not.toBe(0);
      expect(existsSync(ran)).toBe(false);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
