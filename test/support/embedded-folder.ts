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
import { startEmbeddedServer } from "../../src/store/embedded/server.ts";
import { silentLog } from "./memory-log.ts";

export type EmbeddedFolder = Readonly<{ path: string; remove(): void }>;

const MODULES = fileURLToPath(new URL("../../node_modules", import.meta.url));

/** A new folder with an empty cluster, without our tables. */
export async function makeEmbeddedFolder(): Promise<EmbeddedFolder> {
  const path = mkdtempSync(join(tmpdir(), "modeltier-data-"));
  await copyCluster(path);
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Puts an empty cluster where a first start would make one. */
export async function copyCluster(dataDir: string): Promise<void> {
  if (canWrite(MODULES)) cpSync(await findOrMakeTemplate(), dataDir, { recursive: true });
  else await makeCluster(dataDir);
}

/** One per version of the engine and user. Several test files may make it at once; the first to finish wins. */
async function findOrMakeTemplate(): Promise<string> {
  const cache = join(MODULES, ".cache", "modeltier");
  const template = join(cache, `pglite-${engineVersion()}-${process.getuid?.() ?? "user"}`);
  if (existsSync(template)) return template;
  mkdirSync(cache, { recursive: true });
  const unfinished = mkdtempSync(join(cache, "unfinished-"));
  await makeCluster(unfinished);
  try {
    renameSync(unfinished, template);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    if (!existsSync(template)) throw error;
  }
  return template;
}

async function makeCluster(dataDir: string): Promise<void> {
  const server = await startEmbeddedServer({ dataDir, log: silentLog });
  await server.close();
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
