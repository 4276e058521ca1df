/** Data folders for the embedded database with a cluster already in them: making one takes seconds, copying does not. */
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { digestOf, filesUnder } from "../../scripts/made-of.mjs";
import { silentLog } from "./memory-log.ts";
import { copyTemplate, prepareTemplate, type Template } from "./template.ts";

export type EmbeddedFolder = Readonly<{ path: string; remove(): void }>;

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MIGRATIONS = join(ROOT, "src", "store", "migrations");

/** A new folder with an empty cluster, without our tables. */
export const makeEmbeddedFolder = (): Promise<EmbeddedFolder> => makeFolderFrom(empty());

/** A new folder with a cluster that has our tables, and nothing in them. */
export const makeEmbeddedFolderWithTables = (): Promise<EmbeddedFolder> => makeFolderFrom(withTables());

/** Puts a cluster with our tables where a first start would make one: what a second start finds. */
export const copyCluster = (dataDir: string): Promise<void> => copyTemplate(withTables(), dataDir);

/** The same without our tables, which the start then makes. */
export const copyEmptyCluster = (dataDir: string): Promise<void> => copyTemplate(empty(), dataDir);

export async function prepareEmbeddedFolders(): Promise<void> {
  for (const template of [empty(), withTables()]) await prepareTemplate(template);
}

async function makeFolderFrom(template: Template): Promise<EmbeddedFolder> {
  const path = mkdtempSync(join(tmpdir(), "modeltier-data-"));
  await copyTemplate(template, path);
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** One per version of the engine and user. */
const empty = (): Template => ({
  name: `pglite-${engineVersion()}-${process.getuid?.() ?? "user"}`,
  async make(dataDir) {
    const { startEmbeddedServer } = await import("../../src/store/embedded/server.ts");
    await (await startEmbeddedServer({ dataDir, log: silentLog })).close();
  },
});

/** One per state of the migrations, too. */
const withTables = (): Template => ({
  name: `${empty().name}-${digestOf(ROOT, filesUnder(MIGRATIONS)).slice(0, 12)}`,
  async make(dataDir) {
    const { openDatabase } = await import("../../src/store/database.ts");
    await copyTemplate(empty(), dataDir);
    const database = await openDatabase({ dataDir, log: silentLog });
    await database.migrate().finally(() => database.close());
  },
});

function engineVersion(): string {
  const ownRequire = createRequire(import.meta.url);
  const entry = ownRequire.resolve("@electric-sql/pglite");
  const { version }: { version: string } = ownRequire(join(dirname(entry), "..", "package.json"));
  return version;
}
