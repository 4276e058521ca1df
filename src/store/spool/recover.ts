/** What earlier processes left in a folder: records that wait, and calls that nobody saw the end of. */
import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import type { Log } from "../../telemetry/log.ts";
import type { RecordText } from "../record-text.ts";
import { type Frame, readFrames, textOf } from "./frame.ts";
import { parseSegmentName, Segment } from "./segment.ts";

export type Found = Readonly<{
  /** In order, sealed. */
  segments: readonly Segment[];
  /** As they are to be recorded. */
  interrupted: readonly RecordText[];
  nextNumber: number;
  usedBytes: number;
}>;

/** Reads every segment that may hold the beginning of a call, or the end of one. Removes what is empty or unfinished. */
export function findSegments(folder: string, log: Log): Found {
  const segments: Segment[] = [];
  const open = new Map<string, RecordText>();
  let nextNumber = 1;
  for (const { number, finals, path } of listSegments(folder)) {
    nextNumber = Math.max(nextNumber, number + 1);
    const segment = new Segment(number, path, statSync(path).size);
    segment.isSealed = true;
    segment.isCompact = finals !== undefined;
    segment.isPackable = !segment.isCompact;
    segment.finals = finals ?? scan(segment, open, log);
    if (finals !== undefined && open.size > 0) closeEnded(path, open);
    if (finals === undefined && segment.writtenBytes === 0) rmSync(path);
    else segments.push(segment);
  }
  const usedBytes = segments.reduce((sum, { fileBytes }) => sum + fileBytes, 0);
  return { segments, interrupted: [...open.values()], nextNumber, usedBytes };
}

type Listed = Readonly<{ number: number; finals?: number; path: string }>;

/** A plain segment beside a packed one of its number is what was left when the process ended between the two. */
function listSegments(folder: string): readonly Listed[] {
  const listed: Listed[] = [];
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const parsed = parseSegmentName(name);
    if (parsed !== undefined) listed.push({ ...parsed, path });
    else if (name.endsWith(".new")) rmSync(path);
  }
  const packed = new Set(listed.filter(({ finals }) => finals !== undefined).map(({ number }) => number));
  return listed
    .filter(({ number, finals, path }) => {
      const isLeftOver = finals === undefined && packed.has(number);
      if (isLeftOver) rmSync(path);
      return !isLeftOver;
    })
    .sort((a, b) => a.number - b.number);
}

/** A call may have begun in a segment that is not packed and ended in one that is. */
function closeEnded(path: string, open: Map<string, RecordText>): void {
  for (const { executionId } of readFrames(zstdDecompressSync(readFileSync(path))).frames)
    open.delete(executionId);
}

/** @returns how many final records are in it */
function scan(segment: Segment, open: Map<string, RecordText>, log: Log): number {
  const buffer = readFileSync(segment.path);
  const { frames, validBytes, isTorn } = readFrames(buffer);
  segment.writtenBytes = validBytes;
  if (isTorn) {
    const fields = { segment: segment.number, records: frames.length, at: validBytes };
    log.warn("A segment of the spool ends in the middle of a record; those before it are kept", fields);
  }
  const begun = new Map<string, Frame>();
  let finals = 0;
  for (const frame of frames) {
    if (frame.kind === "intent") begun.set(frame.executionId, frame);
    else {
      finals += 1;
      begun.delete(frame.executionId);
      open.delete(frame.executionId);
    }
  }
  for (const [id, frame] of begun) open.set(id, textOf(buffer, frame));
  return finals;
}
