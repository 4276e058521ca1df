/** The two engines behind one face, so that one suite runs on both. */
import type { DatabaseOptions } from "../../src/store/database.ts";
import type { Place } from "../../src/store/pool.ts";
import type { Log } from "../../src/telemetry/log.ts";
import {
  type EmbeddedFolder,
  makeEmbeddedFolder,
  makeEmbeddedFolderWithTables,
} from "../support/embedded-folder.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";

export type TestEngine = Readonly<{
  /** Where to open a database with no tables in it. */
  bare(log: Log): Promise<DatabaseOptions>;
  /** Where to open one with nothing in its tables, which may still have to be made by migrating. */
  fresh(log: Log): Promise<DatabaseOptions>;
  /** The same database as seen through another socket folder. */
  through(options: DatabaseOptions, socketFolder: string): Place;
  /** The folder of the socket, given what `openDatabase` said. */
  socketFolder(opened: { socketFolder?: string }): string;
  stop(): Promise<void>;
}>;

export const ENGINES: readonly Readonly<{ name: "postgres" | "pglite"; start(): Promise<TestEngine> }>[] = [
  { name: "postgres", start: async () => onPostgres(await startPostgres()) },
  { name: "pglite", start: async () => onPglite() },
];

function onPostgres(server: TestPostgres): TestEngine {
  const bare: TestEngine["bare"] = async (log) => ({
    url: await server.createDatabase(),
    dataDir: "unused",
    log,
  });
  return {
    bare,
    fresh: bare,
    through({ url = "" }, socketFolder) {
      const other = new URL(url);
      other.searchParams.set("host", socketFolder);
      return { url: other.href };
    },
    socketFolder: () => server.socketFolder,
    stop: () => server.stop(),
  };
}

function onPglite(): TestEngine {
  const folders: EmbeddedFolder[] = [];
  function within(folder: EmbeddedFolder, log: Log): DatabaseOptions {
    folders.push(folder);
    return { dataDir: folder.path, log };
  }
  return {
    bare: async (log) => within(await makeEmbeddedFolder(), log),
    fresh: async (log) => within(await makeEmbeddedFolderWithTables(), log),
    through: (_options, socketFolder) => ({ socketFolder }),
    socketFolder: ({ socketFolder = "" }) => socketFolder,
    async stop() {
      for (const folder of folders) folder.remove();
    },
  };
}
