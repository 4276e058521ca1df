import { getHeapStatistics } from "node:v8";

const FLAG = /--max[-_]old[-_]space[-_]size[= ](\d+)/g;

/**
 * How large the heap may grow before the process is ended, in bytes. V8 tells a sum in which there is room for young objects, too; of a small
 * heap that somebody asked for by the flag it is nearly half, and the old ones never get it.
 */
export function heapLimitBytes(
  words: readonly string[] = [...process.execArgv, process.env.NODE_OPTIONS ?? ""],
): number {
  const [, mebibytes] = [...words.join(" ").matchAll(FLAG)].at(-1) ?? [];
  return mebibytes === undefined ? getHeapStatistics().heap_size_limit : Number(mebibytes) * 1024 * 1024;
}
