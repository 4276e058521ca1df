/** What the spool asks of the file system. An argument, because disks that fail cannot be had on demand. */
import { closeSync, fdatasync, openSync, unlinkSync, write, writeSync } from "node:fs";
import { open } from "node:fs/promises";
import { promisify } from "node:util";

export type SpoolFiles = Readonly<{
  /** Makes a file that is not there yet. */
  create(path: string): number;
  writeSync(fd: number, buffer: Buffer, length: number, position: number): void;
  write(fd: number, buffer: Buffer, length: number, position: number): Promise<void>;
  fdatasync(fd: number): Promise<void>;
  close(fd: number): void;
  remove(path: string): void;
  /** Makes what was created, renamed or removed in a folder known to the disk. */
  syncFolder(path: string): Promise<void>;
}>;

const writeLater = promisify(write);

export const DISK: SpoolFiles = {
  create: (path) => openSync(path, "wx+", 0o600),
  writeSync(fd, buffer, length, position) {
    for (let done = 0; done < length; ) done += writeSync(fd, buffer, done, length - done, position + done);
  },
  async write(fd, buffer, length, position) {
    for (let done = 0; done < length; ) {
      done += (await writeLater(fd, buffer, done, length - done, position + done)).bytesWritten;
    }
  },
  fdatasync: promisify(fdatasync),
  close: closeSync,
  remove: unlinkSync,
  async syncFolder(path) {
    const folder = await open(path, "r");
    await folder.sync().finally(() => folder.close());
  },
};

/** The code of a failed call, for a log line: ENOSPC, EIO … */
export const errorCode = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown";
