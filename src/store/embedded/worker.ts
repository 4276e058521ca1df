/** The embedded database's thread: PGlite behind a Unix socket, so that no statement ever blocks the event loop. */
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { PGlite } from "@electric-sql/pglite";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";
import { PERSIST, type WorkerInput, type WorkerMessage } from "./protocol.ts";
import { SharedPGlite } from "./shared-pglite.ts";
import { syncTree } from "./sync-tree.ts";

/** Our own pool, a few `psql`, a dashboard. */
const MAX_CONNECTIONS = 50;

/** A `begin` left open in a terminal holds the one session; it loses it after this. Longer than our own pool idles. */
const IDLE_MS = 30_000;

/** No checkpointer runs in a single process, so the log grows and a restart reads all of it unless we see to it. */
const CHECKPOINT_EVERY_MS = 60_000;

const input: WorkerInput = workerData;
await createCluster(input.clusterFolder);
const database = new SharedPGlite(input.clusterFolder, stopBroken);
await database.waitReady;
const server = await listen(database, input);
const checkpoints = setInterval(() => {
  database.checkpointIfUseful().catch(() => tell("checkpoint_failed"));
}, CHECKPOINT_EVERY_MS);
parentPort?.on("message", (message: unknown) => {
  if (message === PERSIST) void persist();
  else void close();
});
tell("ready");

function tell(message: WorkerMessage): void {
  parentPort?.postMessage(message);
}

/** Made beside its place and moved there whole: whoever stops the first start finds no half of a cluster at the next. */
async function createCluster(folder: string): Promise<void> {
  if (existsSync(folder)) return;
  const unfinished = `${folder}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { mode: 0o700 });
  const cluster = await PGlite.create(unfinished);
  await cluster.close();
  renameSync(unfinished, folder);
}

/** The socket gets its mode where only we can see it and then its place, so that there is no moment in between. */
async function listen(db: PGlite, { privateFolder, socketPath }: WorkerInput): Promise<PGLiteSocketServer> {
  const path = join(privateFolder, "socket.new");
  rmSync(path, { force: true });
  const socketServer = new PGLiteSocketServer({
    db,
    path,
    maxConnections: MAX_CONNECTIONS,
    idleTimeout: IDLE_MS,
  });
  await socketServer.start();
  chmodSync(path, 0o600);
  renameSync(path, socketPath);
  return socketServer;
}

/** PGlite writes its files and never brings them to the disk, so that is done for it, once they are complete. */
async function persist(): Promise<void> {
  try {
    await database.checkpoint();
    await syncTree(input.clusterFolder);
    tell("persisted");
  } catch {
    tell("not_persisted");
  }
}

function stopBroken(): void {
  tell("broken");
  process.exit(1);
}

async function close(): Promise<void> {
  clearInterval(checkpoints);
  await server.stop();
  rmSync(input.socketPath, { force: true });
  await database.exec("CHECKPOINT");
  await database.close();
  parentPort?.close();
}
