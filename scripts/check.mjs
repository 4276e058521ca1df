// What CI runs, in one place: the contract, the generated code, types, lint, then every test. Ends with one line,
// `N passed, N failed`, that counts the checks and the tests together.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = join(root, "node_modules", ".bin");
const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
const scratch = mkdtempSync(join(tmpdir(), "modeltier-check-"));
let passed = 0;
let failed = 0;

const run = (command, args, options = {}) =>
  spawnSync(command, args, { cwd: root, env, encoding: "utf8", maxBuffer: 64 * 1024 * 1024, ...options });

async function check(name, problem) {
  const text = await problem();
  if (text === undefined) passed += 1;
  else failed += 1;
  console.log(`${text === undefined ? "ok  " : "FAIL"} ${name}${text ? `\n${text}` : ""}`);
}

/** @returns what it said when it failed; undefined when it did not */
const commandProblem = (command, ...args) =>
  new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => {
        said += text;
      });
    child.once("error", (error) => resolve(String(error)));
    child.once("close", (status) => resolve(status === 0 ? undefined : said));
  });

/** The contract as it was: on main's own commits the one before, elsewhere where the branch left main. */
function findBaseline() {
  const git = (...args) => run("git", args).stdout.trim();
  const head = git("rev-parse", "HEAD");
  const forked = git("merge-base", "HEAD", "origin/main");
  return forked !== "" && forked !== head ? forked : git("rev-parse", "--quiet", "--verify", "HEAD^");
}

async function breakingProblem() {
  const baseline = findBaseline();
  const image = run("git", ["show", `${baseline}:gen/modeltier.binpb`], { encoding: "buffer" });
  if (baseline === "" || image.status !== 0) return undefined; // the first commit has nothing to break
  const before = join(scratch, "before.binpb");
  const now = join(scratch, "now.binpb");
  writeFileSync(before, image.stdout);
  return (
    (await commandProblem("buf", "build", "--exclude-source-info", "-o", now)) ??
    (await commandProblem("buf", "breaking", now, "--against", before, "--path", "modeltier"))
  );
}

/** Generates into a copy of the settings and compares; the working tree is left as it is. */
async function driftProblem() {
  const out = join(scratch, "gen");
  const generated =
    (await commandProblem("buf", "generate", "--output", scratch)) ??
    (await commandProblem("buf", "build", "--exclude-source-info", "-o", join(out, "modeltier.binpb")));
  if (generated !== undefined) return generated;
  const difference = await commandProblem("diff", "-rq", out, join(root, "gen"));
  return difference && `${difference}Run npm run generate and commit what it wrote.`;
}

function runTests() {
  const report = join(scratch, "vitest.json");
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  const args = [vitest, "run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const { status } = run(process.execPath, args, { stdio: "inherit" });
  try {
    const { numPassedTests, numFailedTests, numFailedTestSuites } = JSON.parse(readFileSync(report, "utf8"));
    passed += numPassedTests;
    failed += numFailedTests;
    if (status !== 0 && numFailedTests === 0) failed += Math.max(1, numFailedTestSuites);
  } catch {
    failed += 1;
  }
}

// At once: none waits for another, and no test is held to the clock meanwhile.
await Promise.all([
  check("types", () => commandProblem("tsc", "--noEmit", "-p", ".")),
  check("lint and format", () => commandProblem("biome", "ci", ".")),
  check("types of the admin page", () => commandProblem("tsc", "--noEmit", "-p", "src/admin/app")),
  check("buf lint", () => commandProblem("buf", "lint")),
  check("buf format", () => commandProblem("buf", "format", "--diff", "--exit-code", "proto")),
  check("buf breaking", breakingProblem),
  check("gen/ is what proto/ generates", driftProblem),
]);
runTests();
rmSync(scratch, { recursive: true, force: true });

console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
