/**
 * A file that stands in for the database while that is away. Readable by its owner alone; a checksum stands before it, so that a
 * file that was cut or edited is not taken for what was kept.
 */
import { createHash, randomUUID } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/** Replaces the file as a whole: whoever is killed leaves the old one or the new one. */
export async function writeKept(path: string, value: unknown): Promise<void> {
  const body = JSON.stringify(value);
  const draft = `${path}.${randomUUID()}`;
  await mkdir(dirname(path), { recursive: true });
  try {
    await writeFile(draft, `${checksum(body)}\n${body}`, { mode: 0o600, flag: "wx" });
    await rename(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
}

/** What JSON.parse makes of it; undefined: there is none. @throws Error when there is one and it is damaged */
export async function readKept(path: string): Promise<unknown> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const end = text.indexOf("\n");
  const body = text.slice(end + 1);
  if (text.slice(0, end) !== checksum(body)) throw new Error("its checksum does not match");
  return JSON.parse(body);
}

const checksum = (text: string): string => createHash("sha256").update(text).digest("hex");
