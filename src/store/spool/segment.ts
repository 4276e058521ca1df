/** One file of the spool and what is known of it. */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { zstdDecompress } from "node:zlib";
import type { RecordText } from "../record-text.ts";
import type { SpoolFiles } from "./files.ts";
import { readFrames, textOf } from "./frame.ts";

const PLAIN = /^(\d{10})\.segment$/;
/** Its name says how many records are in it, so that nobody has to unpack it to know. */
const COMPACT = /^(\d{10})-(\d+)\.zst$/;

export const segmentPath = (folder: string, number: number): string =>
  join(folder, `${String(number).padStart(10, "0")}.segment`);
export const compactPath = (folder: string, number: number, finals: number): string =>
  join(folder, `${String(number).padStart(10, "0")}-${finals}.zst`);

/** What a file's name says of it; undefined: it is no segment. */
export function parseSegmentName(name: string): Readonly<{ number: number; finals?: number }> | undefined {
  const plain = PLAIN.exec(name);
  if (plain !== null) return { number: Number(plain[1]) };
  const compact = COMPACT.exec(name);
  return compact === null ? undefined : { number: Number(compact[1]), finals: Number(compact[2]) };
}

export class Segment {
  readonly number: number;
  path: string;
  /** What it takes on the disk. */
  fileBytes: number;
  /** Open for writing; undefined: closed. */
  fd: number | undefined;
  writtenBytes = 0;
  /** Nothing more is written to it. */
  isSealed = false;
  isCompact = false;
  isPackable = true;
  isRemoved = false;
  /** Its name has been written to the disk with the folder. */
  isNamed = false;
  /** Final records in it, and how many of them, from the first, need not be kept any more. */
  finals = 0;
  settled = 0;
  /** Those that are not settled; undefined: to be read from the file. */
  texts: RecordText[] | undefined;

  constructor(number: number, path: string, fileBytes: number) {
    this.number = number;
    this.path = path;
    this.fileBytes = fileBytes;
  }

  get isDrained(): boolean {
    return this.isSealed && this.settled >= this.finals;
  }

  /** Bytes of the texts in memory, about. */
  get textBytes(): number {
    return this.texts?.reduce((sum, text) => sum + sizeOf(text), 0) ?? 0;
  }

  /** Reads the final records that are not settled. What became unreadable since it was written counts as settled. */
  async load(): Promise<void> {
    const buffer = this.isSealed ? await this.#read() : readFileSync(this.path);
    const finals = finalsIn(buffer);
    this.texts = finals.slice(this.settled);
    this.finals = Math.max(this.settled, finals.length);
  }

  /** The file may be compacted while it is being opened; it is under its new name by then. */
  async #read(): Promise<Buffer> {
    const { path, isCompact } = this;
    try {
      const bytes = await readFile(path);
      return isCompact ? await unpack(bytes) : bytes;
    } catch (error) {
      if (path === this.path) throw error;
      return this.#read();
    }
  }
}

const unpack = promisify(zstdDecompress);

export function finalsIn(buffer: Buffer): RecordText[] {
  return readFrames(buffer)
    .frames.filter(({ kind }) => kind === "final")
    .map((frame) => textOf(buffer, frame));
}

export const sizeOf = ({ execution, attempts, charges }: RecordText): number =>
  execution.length + attempts.length + charges.length;

/** Brings what was written to them to the disk. Waits for all of them, because those that fail are closed next. */
export async function syncSegments(
  segments: readonly Segment[],
  files: SpoolFiles,
  folder: string,
): Promise<void> {
  const sync = async (segment: Segment): Promise<void> => {
    await files.fdatasync(segment.fd as number);
    if (segment.isNamed) return;
    await files.syncFolder(folder);
    segment.isNamed = true;
  };
  const outcomes = await Promise.allSettled(segments.map(sync));
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}
