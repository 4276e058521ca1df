/** The last good configuration on disk, for a start while the database is away. */
import { join } from "node:path";
import type { VersionInfo } from "../store/config-versions.ts";
import { readKept, writeKept } from "../store/kept-file.ts";

export type ConfigSnapshot = VersionInfo & Readonly<{ document: unknown }>;

export const snapshotPath = (dataDir: string): string => join(dataDir, "config-snapshot");

export const writeSnapshot = (path: string, snapshot: ConfigSnapshot): Promise<void> =>
  writeKept(path, snapshot);

/** undefined: there is none. @throws Error when there is one and it is damaged */
export async function readSnapshot(path: string): Promise<ConfigSnapshot | undefined> {
  const kept = await readKept(path);
  if (kept === undefined) return undefined;
  const { createdAt, ...snapshot } = kept as Omit<ConfigSnapshot, "createdAt"> & { createdAt: string };
  return { ...snapshot, createdAt: new Date(createdAt) };
}
