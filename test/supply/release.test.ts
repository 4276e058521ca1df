/** X24: a release is of a commit, the same whoever makes it, and says what is in it and where it comes from. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const run = (command: string, words: readonly string[], cwd: string) =>
  spawnSync(command, words, { cwd, encoding: "utf8", maxBuffer: 1 << 28 });

/** A tree as a release wants it: this one as it is now, committed. */
describe("X24 a release", () => {
  const folder = mkdtempSync(join(tmpdir(), "mt-release-"));
  const tree = join(folder, "tree");
  const release = (out: string, ...words: readonly string[]) =>
    run(process.execPath, [join(tree, "scripts/release.ts"), "--out", join(folder, out), ...words], tree);
  const file = (out: string, name: string) => readFileSync(join(folder, out, name));

  beforeAll(() => {
    const git = (...words: readonly string[]) =>
      run("git", ["-c", "user.name=t", "-c", "user.email=t@example.com", ...words], tree);
    expect(run("git", ["clone", "--quiet", "--depth=1", `file://${ROOT}`, tree], folder).status).toBe(0);
    // With what is not committed yet.
    const changed = run(
      "git",
      ["ls-files", "--modified", "--others", "--exclude-standard"],
      ROOT,
    ).stdout.split("\n");
    for (const path of changed.filter((one) => one !== "" && existsSync(join(ROOT, one))))
      expect(run("cp", ["--parents", path, tree], ROOT).status).toBe(0);
    git("add", "-A");
    git("commit", "--quiet", "--allow-empty", "-m", "A tree to release");
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("is the same twice: sources, what they stand on, where it was made, and the sums of all", () => {
    for (const out of ["one", "two"])
      expect(release(out, "--without-audit")).toMatchObject({ status: 0, stderr: "" });
    const sums = file("one", "SHA256SUMS").toString();
    expect(file("two", "SHA256SUMS").toString()).toBe(sums);
    const names = [...sums.matchAll(/^([0-9a-f]{64}) {2}(\S+)$/gm)].map(([, sum, name]) => {
      expect(
        createHash("sha256")
          .update(file("one", name ?? ""))
          .digest("hex"),
        name,
      ).toBe(sum);
      return name;
    });
    expect(names).toEqual([
      "modeltier-0.1.0.tar.gz",
      "modeltier-0.1.0.cdx.json",
      "modeltier-0.1.0.provenance.json",
    ]);

    const listed = run("tar", ["-tzf", join(folder, "one/modeltier-0.1.0.tar.gz")], folder).stdout;
    for (const path of [
      "package-lock.json",
      "Dockerfile",
      "src/main.ts",
      "proto/modeltier/v1/router_service.proto",
    ])
      expect(listed).toContain(`modeltier-0.1.0/${path}\n`);

    const bill = JSON.parse(file("one", "modeltier-0.1.0.cdx.json").toString());
    const { dependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    const components = bill.components.map(({ group, name }: { group?: string; name: string }) =>
      group === undefined || group === "" ? name : `${group}/${name}`,
    );
    expect(components).toEqual(expect.arrayContaining(Object.keys(dependencies)));
    expect(components).not.toContain(Object.keys(devDependencies).find((name) => name === "vitest"));

    const { subject, predicate } = JSON.parse(file("one", "modeltier-0.1.0.provenance.json").toString());
    const commit = run("git", ["rev-parse", "HEAD"], tree).stdout.trim();
    expect(predicate.buildDefinition.externalParameters).toEqual({ commit });
    expect(predicate.buildDefinition.internalParameters).toEqual({ audit: "left out" });
    for (const { name, digest } of subject) expect(sums).toContain(`${digest.sha256}  ${name}`);
  }, 60_000);

  it("is refused where something is not committed, and without a folder, with the remedy", () => {
    writeFileSync(join(tree, "unfinished"), "");
    const refused = release("three", "--without-audit");
    expect([refused.status, existsSync(join(folder, "three"))]).toEqual([1, false]);
    expect(refused.stderr).toContain("changes that are not committed");
    const lost = run(process.execPath, [join(tree, "scripts/release.ts")], tree);
    expect([lost.status, lost.stderr]).toEqual([1, expect.stringContaining("--out is missing")]);
  });
});
