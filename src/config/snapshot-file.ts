/**
 * The last good configuration on disk, for a start while the database is away. Readable by its owner alone; a checksum stands before
 * it, so that a file that was cut or edited is not taken for a configuration.
 */
import { createHash, randomUUID } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { VersionInfo } from "../store/config-versions.ts";

export type ConfigSnapshot = VersionInfo & Readonly<{ document: unknown }>;

export const snapshotPath = (dataDir: string): string => join(dataDir, "config-snapshot");

/** Replaces the file as a whole: whoever is killed leaves the old one or the new one. */
export async function writeSnapshot(path: string, snapshot: ConfigSnapshot): Promise<void> {
  const body = JSON.stringify(snapshot);
  const draft = `${path}.${randomUUID()}`;
  await mkdir(dirname(path), { recursive: true });
  try {
    await writeFile(draft, `${checksum(body)}\n${body}`, { mode: 0o600, flag: "wx" });
    await rename(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
}

/** undefined: there is none. @throws Error when there is one and it is damaged */
export async function readSnapshot(path: string): Promise<ConfigSnapshot | undefined> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const [given, body = ""] = splitFirstLine(text);
  if (given !== checksum(body)) throw new Error("its checksum does not match");
  const { createdAt, ...snapshot } = JSON.parse(body);
  return { ...snapshot, createdAt: new Date(createdAt) };
}

const checksum = (text: string): string => createHash("sha256").update(text).digest("hex");

const splitFirstLine = (text: string): readonly string[] => {
  const end = text.indexOf("\n");
  return [text.slice(0, end), text.slice(end + 1)];
};
