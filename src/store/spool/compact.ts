/**
 * A segment that has to wait for the database is packed: its final records alone, compressed. Records repeat each other, so
 * a spool holds many times more of them that way.
 */
import { open, readFile, rename } from "node:fs/promises";
import { promisify } from "node:util";
import { constants, zstdCompress } from "node:zlib";
import type { SpoolFiles } from "./files.ts";
import { readFrames } from "./frame.ts";
import { compactPath, type Segment } from "./segment.ts";

const pack = promisify(zstdCompress);
const FAST = { params: { [constants.ZSTD_c_compressionLevel]: 3 } };

/**
 * Puts a packed file in the place of a segment's. The new one is whole on the disk before the old one goes.
 * @returns the bytes that it freed; 0 when the segment went away meanwhile, or damage keeps it as it is
 */
export async function compact(segment: Segment, folder: string, files: SpoolFiles): Promise<number> {
  const { path, fileBytes } = segment;
  const buffer = await readFile(path);
  const { frames } = readFrames(buffer);
  const finals = frames.filter(({ kind }) => kind === "final");
  if (finals.length < segment.finals) return 0;
  const packed = await pack(Buffer.concat(finals.map(({ start, end }) => buffer.subarray(start, end))), FAST);
  const packedPath = compactPath(folder, segment.number, finals.length);
  const unfinished = `${packedPath}.new`;
  await writeWhole(unfinished, packed);
  if (segment.isRemoved) {
    files.remove(unfinished);
    return 0;
  }
  await rename(unfinished, packedPath);
  if (segment.isRemoved) {
    files.remove(packedPath);
    return 0;
  }
  segment.path = packedPath;
  segment.isCompact = true;
  segment.fileBytes = packed.length;
  await files.syncFolder(folder);
  files.remove(path);
  return fileBytes - packed.length;
}

async function writeWhole(path: string, bytes: Buffer): Promise<void> {
  const file = await open(path, "w", 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}
