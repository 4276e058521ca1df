/** A real PgBouncer before a test's Postgres, pooling by transactions: statements of one client meet many server connections. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export const HAS_PGBOUNCER = spawnSync("pgbouncer", ["--version"]).status === 0;

/** It refuses to run as root, as Postgres does. */
const NOBODY = 65_534;
const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};

export type PgBouncer = Readonly<{
  /** The same database through the pooler. */
  through(url: string): string;
  stop(): Promise<void>;
}>;

/** @param serverConnections that all clients of a database share */
export async function startPgBouncer(postgresFolder: string, serverConnections: number): Promise<PgBouncer> {
  const folder = mkdtempSync(join(tmpdir(), "mt-bouncer-"));
  const config = join(folder, "pgbouncer.ini");
  writeFileSync(config, configOf(folder, postgresFolder, serverConnections));
  if (user.uid !== undefined) for (const path of [folder, config]) chownSync(path, NOBODY, NOBODY);
  const child = spawn("pgbouncer", ["--quiet", config], { ...user, stdio: ["ignore", "ignore", "pipe"] });
  let complaints = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaints = (complaints + text).slice(-4_096);
  });
  const killWithUs = () => child.kill("SIGKILL");
  process.once("exit", killWithUs);
  const gone = once(child, "exit");
  await untilItListens(join(folder, ".s.PGSQL.5432"), () => {
    if (child.exitCode !== null) throw new Error(`pgbouncer ended: ${complaints}`);
  });
  return {
    through(url) {
      const pooled = new URL(url);
      pooled.searchParams.set("host", folder);
      return pooled.href;
    },
    async stop() {
      child.kill("SIGKILL");
      await gone;
      process.off("exit", killWithUs);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What the README of `src/store` tells operators to set, and no more. */
const configOf = (folder: string, postgresFolder: string, serverConnections: number): string => `[databases]
* = host=${postgresFolder} port=5432 user=postgres

[pgbouncer]
pool_mode = transaction
ignore_startup_parameters = statement_timeout,lock_timeout,idle_in_transaction_session_timeout
listen_addr =
listen_port = 5432
unix_socket_dir = ${folder}
auth_type = any
default_pool_size = ${serverConnections}
max_client_conn = 500
`;

async function untilItListens(path: string, check: () => void): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    check();
    const socket = connect(path);
    const isThere = await Promise.race([
      once(socket, "connect").then(() => true),
      once(socket, "error").then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (isThere) return;
    if (tries === 500) throw new Error("pgbouncer does not listen");
    await sleep(20);
  }
}
