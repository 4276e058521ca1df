/** Disks that are really full: a file system in memory, mounted where only the service sees it. */
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";

const MOUNT =
  'mount -t tmpfs -o size="$0",mode=700 tmpfs "$1" && { test -z "$2" || cp -a "$2/." "$1"; } && shift 2 && exec "$@"';

/** Whether this user may mount at all; without it these faults cannot be had. */
export const CAN_MOUNT = spawnSync("unshare", ["-rm", "true"]).status === 0;

/**
 * A command to run the service under, with a small disk at a folder.
 * @param from a folder to copy onto it; "": none
 */
export const withSmallDisk = (folder: string, bytes: number, from = ""): readonly string[] => [
  "unshare",
  "-rm",
  "sh",
  "-c",
  MOUNT,
  String(bytes),
  folder,
  from,
];

/** Takes all the room that is left on the disk that a process sees at a folder. @returns gives it back */
export function fill(pid: number, folder: string): () => void {
  const path = `/proc/${pid}/root${folder}/filler`;
  writeFileSync(path, "");
  try {
    for (;;) writeFileSync(path, Buffer.alloc(64 * 1024, 1), { flag: "a" });
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error) || error.code !== "ENOSPC") throw error;
  }
  return () => rmSync(path);
}
