// What was made of which sources, so that it is made again only when they change. Plain JavaScript, as install.mjs.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const stampFile = (folder) => join(folder, ".made-from");

export const filesUnder = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();

/** Of the files' names, from the root, and what is in them. */
export function digestOf(root, files) {
  const hash = createHash("sha256");
  for (const file of files) hash.update(file.slice(root.length)).update(readFileSync(file));
  return hash.digest("hex");
}

export const isMadeOf = (folder, digest) =>
  existsSync(stampFile(folder)) && readFileSync(stampFile(folder), "utf8") === digest;

export const stamp = (folder, digest) => writeFileSync(stampFile(folder), digest);
