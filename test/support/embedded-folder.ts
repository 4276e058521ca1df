/** Data folders for the embedded database with a cluster already in them: making one takes seconds, copying does not. */
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { digestOf, filesUnder } from "../../scripts/made-of.mjs";
import { silentLog } from "./memory-log.ts";

export type EmbeddedFolder = Readonly<{ path: string; remove(): void }>;

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MODULES = join(ROOT, "node_modules");
const MIGRATIONS = join(ROOT, "src", "store", "migrations");

/** A new folder with an empty cluster, without our tables. */
export const makeEmbeddedFolder = (): Promise<EmbeddedFolder> => makeFolderWith(copyEmptyCluster);

/** A new folder with a cluster that has our tables, and nothing in them. */
export const makeEmbeddedFolderWithTables = (): Promise<EmbeddedFolder> => makeFolderWith(copyCluster);

async function makeFolderWith(copy: (dataDir: string) => Promise<void>): Promise<EmbeddedFolder> {
  const path = mkdtempSync(join(tmpdir(), "modeltier-data-"));
  await copy(path);
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Puts a cluster with our tables where a first start would make one: what a second start finds. */
export const copyCluster = (dataDir: string): Promise<void> => copy(withTables(), dataDir);

const copyEmptyCluster = (dataDir: string): Promise<void> => copy(empty(), dataDir);

/** Makes what is copied, so that test files that run at once need not each do so. */
export async function prepareTemplates(): Promise<void> {
  if (!canWrite(MODULES)) return;
  await findOrMake(empty());
  await findOrMake(withTables());
}

type Template = Readonly<{ name: string; make(dataDir: string): Promise<void> }>;

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
    await copyEmptyCluster(dataDir);
    const database = await openDatabase({ dataDir, log: silentLog });
    await database.migrate().finally(() => database.close());
  },
});

async function copy(template: Template, dataDir: string): Promise<void> {
  if (canWrite(MODULES)) cpSync(await findOrMake(template), dataDir, { recursive: true });
  else await template.make(dataDir);
}

/** Several processes may make it at once; the first to finish wins. */
async function findOrMake({ name, make }: Template): Promise<string> {
  const cache = join(MODULES, ".cache", "modeltier");
  const template = join(cache, name);
  if (existsSync(template)) return template;
  mkdirSync(cache, { recursive: true });
  const unfinished = mkdtempSync(join(cache, "unfinished-"));
  await make(unfinished);
  try {
    renameSync(unfinished, template);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    if (!existsSync(template)) throw error;
  }
  return template;
}

function canWrite(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function engineVersion(): string {
  const ownRequire = createRequire(import.meta.url);
  const entry = ownRequire.resolve("@electric-sql/pglite");
  const { version }: { version: string } = ownRequire(join(dirname(entry), "..", "package.json"));
  return version;
}
