/** The folder of the embedded database and the lock that keeps it to one process. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

export class DataFolderInUseError extends Error {
  override readonly name = "DataFolderInUseError";
  /** Of the process that has the folder; absent when it has not said so yet. */
  readonly pid: number | undefined;

  constructor(folder: string, pid: number | undefined, options?: ErrorOptions) {
    const holder = pid === undefined ? "another process" : `process ${pid}`;
    const remedy =
      "Stop it, set MODELTIER_DATA_DIR to another folder, or set DATABASE_URL to share a Postgres";
    super(`The data folder ${folder} is in use by ${holder}. ${remedy}.`, options);
    this.pid = pid;
  }
}

export type FolderLock = Readonly<{ release(): void }>;

/** Makes the folder when it is missing, for its owner alone. One that is there keeps its mode: it may be shared. */
export const makeDataFolder = (folder: string): void => {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
};

/**
 * Takes the folder for this process until it releases it or ends, however it ends. The lock is the kernel's, by way of an
 * empty SQLite file: it cannot be left behind, so there is nothing to guess about pids, and it also holds between
 * containers that share the folder.
 * @throws DataFolderInUseError at once, when it is taken
 */
export function lockDataFolder(folder: string): FolderLock {
  const pidFile = join(folder, "modeltier.pid");
  const database = new DatabaseSync(join(folder, "modeltier.lock"), { timeout: 0 });
  try {
    database.exec("pragma journal_mode = off; begin exclusive");
  } catch (error) {
    database.close();
    throw isBusy(error) ? new DataFolderInUseError(folder, findPid(pidFile), { cause: error }) : error;
  }
  writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 });
  return {
    release() {
      rmSync(pidFile, { force: true });
      database.close();
    },
  };
}

/** @see https://www.sqlite.org/rescode.html#busy */
const SQLITE_BUSY = 5;
const isBusy = (error: unknown): boolean =>
  error instanceof Error && "errcode" in error && error.errcode === SQLITE_BUSY;

function findPid(file: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(file, "utf8"), 10) || undefined;
  } catch {
    return undefined;
  }
}
