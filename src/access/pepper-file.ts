/** What the keys of an embedded database are hashed with, kept beside it: whoever has one of the two files has nothing. */
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Read, or made when it is missing. */
export function readOrMakePepper(dataDir: string): string {
  const path = join(dataDir, "key-pepper");
  try {
    writeFileSync(path, randomBytes(32).toString("hex"), { mode: 0o600, flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  return readFileSync(path, "utf8").trim();
}
