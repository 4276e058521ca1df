/**
 * Temporary files of tests are in memory where there is room. The service syncs its files as it always does, the embedded database
 * a thousand of them at each stop; tests ask whether it does so at the right time, and need not wait for a disk.
 */
import { spawnSync } from "node:child_process";
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { freemem, tmpdir } from "node:os";
import { join } from "node:path";

const MEMORY = "/dev/shm";
const NAME = /^modeltier-tests-(\d+)$/;
/** A run takes far less than half of it at any time. */
const ROOM_BYTES = 2 * 1024 ** 3;

const folder = join(MEMORY, `modeltier-tests-${process.pid}`);

export function setup(): void {
  if (!existsSync(MEMORY)) return;
  removeLeftovers();
  if (!hasRoom()) return;
  mkdirSync(folder);
  chmodSync(folder, 0o755); // Postgres runs as another user
  if (!runsPrograms()) {
    teardown();
    return;
  }
  // For what stays from one run to the next.
  process.env.MODELTIER_TESTS_TMPDIR = tmpdir();
  process.env.TMPDIR = folder;
  process.once("exit", teardown); // also when somebody interrupts
}

export const teardown = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });

/** Of runs that were killed. */
function removeLeftovers(): void {
  for (const name of readdirSync(MEMORY)) {
    const [, pid] = NAME.exec(name) ?? [];
    if (pid !== undefined && !existsSync(`/proc/${pid}`))
      rmSync(join(MEMORY, name), { recursive: true, force: true });
  }
}

function hasRoom(): boolean {
  try {
    accessSync(MEMORY, constants.W_OK);
  } catch {
    return false;
  }
  const { bavail, bsize } = statfsSync(MEMORY);
  return Math.min(bavail * bsize, freemem() / 2) > ROOM_BYTES;
}

/** Containers often have it without; some tests put together there what they then start. */
function runsPrograms(): boolean {
  const program = join(folder, "program");
  writeFileSync(program, "#!/bin/sh\n", { mode: 0o755 });
  return spawnSync(program).status === 0;
}
