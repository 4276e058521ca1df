/** The one way to open the tables: Postgres by URL, or the embedded database in the data folder. */
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Kysely, sql } from "kysely";
import type { Log } from "../telemetry/log.ts";
import { DataFolderInUseError } from "./embedded/data-folder.ts";
import { startEmbeddedServer } from "./embedded/server.ts";
import { socketFolderFor } from "./embedded/socket-folder.ts";
import { migrate } from "./migrations/migrate.ts";
import { ANALYTICS_LIMITS, connect, MIGRATION_LIMITS, type Place, SERVING_LIMITS } from "./pool.ts";
import type { Database } from "./tables.ts";

export type OpenDatabase = Readonly<{
  db: Kysely<Database>;
  /** For long reads, over connections of their own: they take none from those that calls wait for. */
  analytics: Kysely<Database>;
  engine: "postgres" | "pglite";
  /** Where `psql -h` finds the embedded database; absent with Postgres. */
  socketFolder?: string;
  /** Brings what is committed to the disk; absent with Postgres, where a commit is on the disk. One at a time. */
  persist?(): Promise<void>;
  /** Has the room of deleted rows used again; absent with Postgres, which does that by itself. Takes seconds where there are millions. */
  vacuum?(tables: readonly (keyof Database & string)[]): Promise<void>;
  /** Brings the tables up to date over a connection of its own; says which migrations ran. Safe to call at any time. */
  migrate(): Promise<readonly string[]>;
  /** Ends the connections, then the embedded database. What is still being written is cut off: close the recorder first. */
  close(): Promise<void>;
}>;

export type DatabaseOptions = Readonly<{
  /** A postgres:// URL; absent: the embedded database. */
  url?: string;
  /** Folder of the embedded database; made when missing. */
  dataDir: string;
  log: Log;
}>;

const GOODBYE_MS = 2_000;

/**
 * Opens the database. Postgres need not be there yet: connections are made when they are needed.
 * @throws DataFolderInUseError when another process has the data folder
 */
export async function openDatabase({ url, dataDir, log }: DatabaseOptions): Promise<OpenDatabase> {
  if (url !== undefined) return { engine: "postgres", ...openPlace({ url }, log) };
  const server = await startEmbeddedServer({ dataDir, log });
  const { socketFolder, persist } = server;
  const place = { socketFolder };
  return {
    engine: "pglite",
    socketFolder,
    persist,
    vacuum: (tables) => vacuumApart(place, tables, log),
    ...openPlace(place, log, server.close),
  };
}

/**
 * The same for a visitor: where another process has the embedded database, it is asked over that one's socket.
 * @throws what `openDatabase` throws, but not that the folder is in use
 */
export async function openOrVisit(options: DatabaseOptions): Promise<OpenDatabase> {
  try {
    return await openDatabase(options);
  } catch (error) {
    if (!(error instanceof DataFolderInUseError)) throw error;
    const socketFolder = socketFolderFor(resolve(options.dataDir));
    return { engine: "pglite", socketFolder, ...openPlace({ socketFolder }, options.log) };
  }
}

function openPlace(place: Place, log: Log, afterwards?: () => Promise<void>) {
  const db = connect<Database>(place, SERVING_LIMITS, log);
  const analytics = connect<Database>(place, ANALYTICS_LIMITS, log);
  let closing: Promise<void> | undefined;
  return {
    db,
    analytics,
    migrate: () => migrateApart(place, log),
    close() {
      closing ??= Promise.all([sayGoodbye(db), sayGoodbye(analytics)]).then(afterwards);
      return closing;
    },
  };
}

const migrateApart = (place: Place, log: Log): Promise<readonly string[]> =>
  apart(place, log, (db) => migrate(db));

/** No autovacuum runs in a single process. */
const vacuumApart = (place: Place, tables: readonly (keyof Database & string)[], log: Log): Promise<void> =>
  apart(place, log, async (db) => {
    await sql`vacuum ${sql.join(tables.map((table) => sql.table(table)))}`.execute(db);
  });

/** Over a connection of its own, which may take its time. */
async function apart<T>(place: Place, log: Log, work: (db: Kysely<Database>) => Promise<T>): Promise<T> {
  const db = connect<Database>(place, MIGRATION_LIMITS, log);
  try {
    return await work(db);
  } finally {
    await sayGoodbye(db);
  }
}

/** A peer that fell silent must not hold up the end of the process. */
async function sayGoodbye(db: Kysely<Database>): Promise<void> {
  await Promise.race([db.destroy(), sleep(GOODBYE_MS, undefined, { ref: false })]);
}
