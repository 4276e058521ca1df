/**
 * Temporary files of tests are in memory where there is room. The service syncs its files as it always does, the embedded database
 * a thousand of them at each stop; tests ask whether it does so at the right time, and need not wait for a disk.
 */
import { chmodSync, existsSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { freemem } from "node:os";
import { join } from "node:path";

const MEMORY = "/dev/shm";
const GIB = 1024 ** 3;
/** A run takes less than half of it at any time. */
const ROOM_BYTES = 4 * GIB;

let folder: string | undefined;

export function setup(): void {
  if (!hasRoom()) return;
  folder = mkdtempSync(join(MEMORY, "mt-tests-"));
  chmodSync(folder, 0o755); // Postgres runs as another user
  // For what stays from one run to the next.
  process.env.MODELTIER_TESTS_TMPDIR = process.env.TMPDIR ?? "/tmp";
  process.env.TMPDIR = folder;
}

export function teardown(): void {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
}

function hasRoom(): boolean {
  if (!existsSync(MEMORY)) return false;
  const { bavail, bsize } = statfsSync(MEMORY);
  return Math.min(bavail * bsize, freemem() / 2) > ROOM_BYTES;
}
