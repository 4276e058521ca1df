/**
 * What is given to others of a commit: its sources as an archive, the list of what it stands on, where it was made and of what, and the
 * checksums of all three. The same commit gives the same bytes.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const USAGE = `npm run release -- --out <folder> [--without-audit]

  --out             where the files go; made when missing
  --without-audit   for a registry that offers no audit; the provenance says so
`;

/** Ends the release with a sentence and no stack. */
class ReleaseError extends Error {}

function output(command: string, ...words: readonly string[]): Buffer {
  const { status, stdout, stderr, error } = spawnSync(command, words, { cwd: ROOT, maxBuffer: 1 << 30 });
  if (status === 0) return stdout;
  throw new ReleaseError(
    `${command} ${words.join(" ")} failed: ${error?.message ?? stderr.toString().trim()}`,
  );
}

const textOf = (command: string, ...words: readonly string[]): string =>
  output(command, ...words)
    .toString()
    .trim();
const digestOf = (bytes: string | Buffer): string => createHash("sha256").update(bytes).digest("hex");

function commitToRelease(): Readonly<{ commit: string; committedAt: string }> {
  if (textOf("git", "status", "--porcelain") !== "")
    throw new ReleaseError(
      "there are changes that are not committed: a release is of a commit, so commit or remove them",
    );
  const commit = textOf("git", "rev-parse", "HEAD");
  return { commit, committedAt: new Date(textOf("git", "log", "-1", "--format=%cI")).toISOString() };
}

type Audit = "passed" | "not offered by the registry";

/** @throws ReleaseError for a package with a known weakness of high severity, or a signature that does not hold */
function audit(): Audit {
  for (const words of [
    ["audit", "--omit=dev", "--audit-level=high"],
    ["audit", "signatures"],
  ]) {
    const { status, stdout } = spawnSync("npm", [...words, "--json"], { cwd: ROOT, encoding: "utf8" });
    if (status === 0) continue;
    if (!hasFindings(stdout)) return "not offered by the registry";
    throw new ReleaseError(`npm ${words.join(" ")} found something:\n${stdout}`);
  }
  return "passed";
}

/** An audit that was made lists weaknesses, or signatures; one that could not be made says why. */
function hasFindings(stdout: string): boolean {
  try {
    const report: object = JSON.parse(stdout);
    return "vulnerabilities" in report || "invalid" in report;
  } catch {
    return false;
  }
}

/**
 * CycloneDX, of what runs in the service. npm leaves out packages of the service that tools stand on as well, so it is shown a tree
 * without the tools; it stamps what it makes with the time and a random number, which here come from the commit.
 */
function billOfMaterials(committedAt: string): string {
  const outer = mkdtempSync(join(tmpdir(), "modeltier-bill-"));
  const folder = join(outer, "modeltier"); // whose name is in what npm makes
  mkdirSync(folder);
  const { devDependencies: _, ...manifest } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"));
  const { "": root, ...packages } = lock.packages as Record<
    string,
    { dev?: boolean; devDependencies?: object }
  >;
  const kept = Object.entries(packages).filter(([, { dev }]) => dev !== true);
  const { devDependencies: __, ...plainRoot } = root ?? {};
  const smaller = { ...lock, packages: { "": plainRoot, ...Object.fromEntries(kept) } };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  writeFileSync(join(folder, "package-lock.json"), JSON.stringify(smaller));
  const made = output("npm", "--prefix", folder, "sbom", "--package-lock-only", "--sbom-format=cyclonedx");
  rmSync(outer, { recursive: true });
  const bill = JSON.parse(made.toString());
  const hex = digestOf(readFileSync(join(ROOT, "package-lock.json")));
  const uuid = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `5${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ];
  bill.serialNumber = `urn:uuid:${uuid.join("-")}`;
  bill.metadata.timestamp = committedAt;
  return `${JSON.stringify(bill, undefined, 2)}\n`;
}

/** @see https://slsa.dev/spec/v1.0/provenance */
const provenance = (files: ReadonlyMap<string, string | Buffer>, commit: string, audited: string): string => {
  const statement = {
    _type: "https://in-toto.io/Statement/v1",
    subject: [...files].map(([name, bytes]) => ({ name, digest: { sha256: digestOf(bytes) } })),
    predicateType: "https://slsa.dev/provenance/v1",
    predicate: {
      buildDefinition: {
        buildType: "urn:modeltier:release:v1",
        externalParameters: { commit },
        internalParameters: { audit: audited },
        resolvedDependencies: [
          { name: "modeltier", digest: { gitCommit: commit } },
          {
            name: "package-lock.json",
            digest: { sha256: digestOf(readFileSync(join(ROOT, "package-lock.json"))) },
          },
        ],
      },
      runDetails: { builder: { id: "scripts/release.ts", version: { node: process.version } } },
    },
  };
  return `${JSON.stringify(statement, undefined, 2)}\n`;
};

function release(out: string, isAudited: boolean): void {
  const { commit, committedAt } = commitToRelease();
  const audited = isAudited ? audit() : "left out";
  if (isAudited && audited !== "passed")
    throw new ReleaseError(
      `the audit is ${audited}: release with --without-audit, which the provenance then says`,
    );
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const name = `modeltier-${version}`;
  const archive = gzipSync(output("git", "archive", "--format=tar", `--prefix=${name}/`, commit), {
    level: 9,
  });
  const files = new Map<string, string | Buffer>([
    [`${name}.tar.gz`, archive],
    [`${name}.cdx.json`, billOfMaterials(committedAt)],
  ]);
  files.set(`${name}.provenance.json`, provenance(files, commit, audited));
  const sums = [...files].map(([file, bytes]) => `${digestOf(bytes)}  ${file}\n`).join("");
  mkdirSync(out, { recursive: true });
  for (const [file, bytes] of [...files, ["SHA256SUMS", sums] as const])
    writeFileSync(join(out, file), bytes);
  process.stdout.write(`${name} of ${commit}, audit ${audited}:\n${sums}`);
}

try {
  const { values } = parseArgs({
    options: { out: { type: "string" }, "without-audit": { type: "boolean" } },
  });
  if (values.out === undefined) throw new ReleaseError(`--out is missing\n\n${USAGE}`);
  release(values.out, values["without-audit"] !== true);
} catch (error) {
  const isOurs = error instanceof ReleaseError || (error instanceof TypeError && "code" in error);
  process.stderr.write(`${isOurs ? error.message : (error as Error).stack}\n`);
  process.exitCode = 1;
}
