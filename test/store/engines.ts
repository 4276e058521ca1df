/** The two engines behind one face, so that one suite runs on both. */
import type { DatabaseOptions } from "../../src/store/database.ts";
import type { Place } from "../../src/store/pool.ts";
import type { Log } from "../../src/telemetry/log.ts";
import { type EmbeddedFolder, makeEmbeddedFolder } from "../support/embedded-folder.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";

export type TestEngine = Readonly<{
  /** Where to open a database with no tables in it. */
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

const onPostgres = (server: TestPostgres): TestEngine => ({
  fresh: async (log) => ({ url: await server.createDatabase(), dataDir: "unused", log }),
  through({ url = "" }, socketFolder) {
    const other = new URL(url);
    other.searchParams.set("host", socketFolder);
    return { url: other.href };
  },
  socketFolder: () => server.socketFolder,
  stop: () => server.stop(),
});

function onPglite(): TestEngine {
  const folders: EmbeddedFolder[] = [];
  return {
    async fresh(log) {
      const folder = await makeEmbeddedFolder();
      folders.push(folder);
      return { dataDir: folder.path, log };
    },
    through: (_options, socketFolder) => ({ socketFolder }),
    socketFolder: ({ socketFolder = "" }) => socketFolder,
    async stop() {
      for (const folder of folders) folder.remove();
    },
  };
}
