/** Records that the database refuses for what is in them, kept in a file for somebody to look at: one JSON object a line. */
import { closeSync, fdatasyncSync, fstatSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { RecordText } from "../record-text.ts";

export const DEAD_LETTERS = "dead-letters.jsonl";
/** As many refusals are no accident of single records, and must not fill the disk. */
const MOST_BYTES = 64 * 1024 * 1024;

/** @returns whether it was kept; false when the file is full or cannot be written */
export function keepDeadLetter(
  folder: string,
  { execution, attempts, charges }: RecordText,
  cause: Readonly<{ sqlState?: string; at: Date }>,
): boolean {
  const head = JSON.stringify({ refusedAt: cause.at, sqlState: cause.sqlState }).slice(0, -1);
  const line = `${head},"execution":${execution},"attempts":[${attempts}],"charges":[${charges}]}\n`;
  let fd: number | undefined;
  try {
    fd = openSync(join(folder, DEAD_LETTERS), "a", 0o600);
    if (fstatSync(fd).size > MOST_BYTES) return false;
    writeSync(fd, line);
    fdatasyncSync(fd);
    return true;
  } catch {
    return false;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
