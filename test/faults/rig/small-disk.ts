/** Disks that are really full: a file system in memory, mounted where only the service sees it. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { rmSync, statSync, truncateSync, writeFileSync } from "node:fs";

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

/** Takes the room that is left on the disk that a process sees at a folder, all but so many bytes. @returns gives it back */
export function fill(pid: number, folder: string, leaving = 0): () => void {
  const path = `/proc/${pid}/root${folder}/filler`;
  writeFileSync(path, "");
  try {
    for (;;) writeFileSync(path, Buffer.alloc(64 * 1024, 1), { flag: "a" });
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error) || error.code !== "ENOSPC") throw error;
  }
  truncateSync(path, Math.max(0, statSync(path).size - leaving));
  return () => rmSync(path);
}

export type SmallDisk = Readonly<{
  /** Sees the disk at its folder for as long as it lives. */
  pid: number;
  /** A command to run the service under, which then sees it, too: one after the other finds what was left there. */
  under: readonly string[];
  remove(): void;
}>;

/** A small disk that outlives the services on it. @param from a folder to copy onto it */
export async function mountSmallDisk(folder: string, bytes: number, from: string): Promise<SmallDisk> {
  const [command = "", ...words] = [
    ...withSmallDisk(folder, bytes, from),
    "sh",
    "-c",
    "echo mounted; read -r _",
  ];
  const holder = spawn(command, words, { stdio: ["pipe", "pipe", "inherit"] });
  await once(holder.stdout, "data");
  const pid = holder.pid as number;
  return {
    pid,
    under: ["nsenter", "--target", String(pid), "--user", "--mount", "--preserve-credentials"],
    remove: () => void holder.kill("SIGKILL"),
  };
}
