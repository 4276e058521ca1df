/**
 * Where in the spool's folder a process writes. Each has a slot of its own, with a lock of the kernel's on it: several
 * workers share a folder, and so may the old process and the new one. What the dead left is taken over.
 */
import { existsSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../../telemetry/log.ts";
import {
  DataFolderInUseError,
  type FolderLock,
  lockDataFolder,
  makeDataFolder,
} from "../embedded/data-folder.ts";
import { parseSegmentName } from "./segment.ts";

export type Slot = Readonly<{ folder: string; release(): void }>;

const MOST_SLOTS = 1_000;
const SLOT = /^\d{1,3}$/;

/** Takes the first slot that is free, with what every other free one holds. @throws the file system's error */
export function takeSlot(root: string, log: Log): Slot {
  makeDataFolder(root);
  for (let number = 0; number < MOST_SLOTS; number += 1) {
    const folder = join(root, String(number));
    const lock = tryToLock(folder);
    if (lock === undefined) continue;
    try {
      for (const other of listOthers(root, folder)) adopt(other, folder, log);
    } catch (error) {
      lock.release();
      throw error;
    }
    return { folder, release: () => lock.release() };
  }
  throw new Error(`all ${MOST_SLOTS} slots of the spool in ${root} are taken`);
}

function tryToLock(folder: string): FolderLock | undefined {
  makeDataFolder(folder);
  try {
    return lockDataFolder(folder);
  } catch (error) {
    if (error instanceof DataFolderInUseError) return undefined;
    throw error;
  }
}

const listOthers = (root: string, own: string): readonly string[] =>
  readdirSync(root)
    .filter((name) => SLOT.test(name))
    .map((name) => join(root, name))
    .filter((folder) => folder !== own);

/** Its segments get numbers behind ours; which of two processes' records come first does not matter. */
function adopt(from: string, to: string, log: Log): void {
  if (listSegmentNames(from).length === 0) return;
  const lock = tryToLock(from);
  if (lock === undefined) return;
  try {
    const names = listSegmentNames(from);
    let next = Math.max(0, ...listSegmentNames(to).map(numberOf)) + 1;
    const numbers = new Map<number, number>();
    for (const name of names) {
      const number = numberOf(name);
      if (!numbers.has(number)) numbers.set(number, next++);
      const renamed = String(numbers.get(number)).padStart(10, "0") + name.slice(10);
      renameSync(join(from, name), join(to, renamed));
    }
    log.info("Took over the records of a process that is gone", { segments: names.length });
  } finally {
    lock.release();
    if (listSegmentNames(from).length === 0 && existsSync(from))
      rmSync(from, { recursive: true, force: true });
  }
}

const listSegmentNames = (folder: string): readonly string[] =>
  readdirSync(folder)
    .filter((name) => parseSegmentName(name) !== undefined)
    .sort();

const numberOf = (name: string): number => parseSegmentName(name)?.number ?? 0;
