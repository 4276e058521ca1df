/** The embedded database as the service sees it: a data folder that is ours and a socket in it. */
import { rmSync, statfsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Log } from "../../telemetry/log.ts";
import { DataFolderInUseError, lockDataFolder, makeDataFolder } from "./data-folder.ts";
import type { WorkerInput } from "./protocol.ts";
import { SOCKET_NAME, socketFolderFor } from "./socket-folder.ts";
import { startSupervised } from "./supervisor.ts";

export type EmbeddedServer = Readonly<{
  /** For `psql -h`. Absolute. */
  socketFolder: string;
  /** Brings everything committed so far to the disk. One at a time. */
  persist(): Promise<void>;
  /** Writes a checkpoint, ends the thread and frees the folder. */
  close(): Promise<void>;
}>;

/**
 * Starts the embedded database; the first start in a folder takes some seconds longer, because it makes the cluster.
 * @throws DataFolderInUseError when another process has the folder; Error that names it and the remedy when it cannot be used
 */
export async function startEmbeddedServer(options: { dataDir: string; log: Log }): Promise<EmbeddedServer> {
  const dataDir = resolve(options.dataDir);
  try {
    return await startIn(dataDir, options.log);
  } catch (error) {
    if (error instanceof DataFolderInUseError) throw error;
    const reason = sayFullDisk(dataDir) ?? (error instanceof Error ? error.message : String(error));
    const remedy =
      "Make room or give this user the folder, set MODELTIER_DATA_DIR to another, or DATABASE_URL to a Postgres";
    throw new Error(`The embedded database cannot be opened in ${dataDir} (${reason}). ${remedy}.`, {
      cause: error,
    });
  }
}

/** Of whatever cannot be written the engine says "Aborted()" and no more. The least it writes is less than this. */
const FULL_BYTES = 1024 * 1024;

function sayFullDisk(folder: string): string | undefined {
  try {
    const { bavail, bsize } = statfsSync(folder);
    const left = bavail * bsize;
    return left < FULL_BYTES ? `the disk is full: ${left} bytes are left` : undefined;
  } catch {
    return undefined; // there is no such folder, which is what the error says
  }
}

async function startIn(dataDir: string, log: Log): Promise<EmbeddedServer> {
  makeDataFolder(dataDir);
  const lock = lockDataFolder(dataDir);
  try {
    const socketFolder = socketFolderFor(dataDir);
    const supervised = await startSupervised(workerInput(dataDir, socketFolder), log);
    if (socketFolder !== dataDir) {
      log.info("The data folder's path is too long for a socket; it is elsewhere", { socketFolder });
    }
    return {
      socketFolder,
      persist: () => supervised.persist(),
      async close() {
        await supervised.close();
        if (socketFolder !== dataDir) rmSync(socketFolder, { recursive: true, force: true });
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

function workerInput(dataDir: string, socketFolder: string): WorkerInput {
  const clusterFolder = join(dataDir, "pglite");
  return {
    clusterFolder,
    privateFolder: socketFolder === dataDir ? clusterFolder : socketFolder,
    socketPath: join(socketFolder, SOCKET_NAME),
  };
}
