/** How a record lies in a segment: sixteen bytes that say what follows and hold its checksum, then texts. */
import { crc32 } from "node:zlib";
import type { RecordText } from "../record-text.ts";

/** An intent says that a call was accepted; a final record how it ended. */
export type FrameKind = "intent" | "final";

/** Where a record lies in a buffer; its texts are made when somebody wants them. */
export type Frame = Readonly<{ kind: FrameKind; executionId: string; start: number; end: number }>;

export type FramesRead = Readonly<{
  frames: readonly Frame[];
  /** Bytes up to the end of the last whole frame. */
  validBytes: number;
  /** What follows is neither the end nor a whole frame: a write that was cut off, or damage. */
  isTorn: boolean;
}>;

/*  0 CRC-32 of all that follows    4 length of what follows the header    8 kind    9 length of the id
   12 length of the execution's text, and in front of it, at 10, nothing.  The attempts' length leads the texts. */
export const HEADER_BYTES = 16;
const ATTEMPTS_LENGTH_BYTES = 4;
const KIND_CODES: Readonly<Record<FrameKind, number>> = { intent: 1, final: 2 };
const KINDS: readonly (FrameKind | undefined)[] = [undefined, "intent", "final"];
const LONGEST_ID_BYTES = 255;
/** UTF-8 takes at most three bytes for a unit of a string. */
const BYTES_PER_UNIT = 3;

/** The most that the frame of a record can take, in bytes. */
export const mostFrameBytes = ({ executionId, execution, attempts, charges }: RecordText): number =>
  HEADER_BYTES +
  ATTEMPTS_LENGTH_BYTES +
  BYTES_PER_UNIT * (executionId.length + execution.length + attempts.length + charges.length);

/**
 * Writes a frame where there is room for it.
 * @returns the offset behind it
 * @throws RangeError when the id is too long to be one
 */
export function writeFrame(buffer: Buffer, offset: number, kind: FrameKind, text: RecordText): number {
  const idBytes = buffer.write(text.executionId, offset + HEADER_BYTES);
  if (idBytes > LONGEST_ID_BYTES) throw new RangeError("an execution's id has at most 255 bytes");
  const attemptsAt = offset + HEADER_BYTES + idBytes;
  const textsAt = attemptsAt + ATTEMPTS_LENGTH_BYTES;
  const executionBytes = buffer.write(text.execution, textsAt);
  const attemptsBytes = buffer.write(text.attempts, textsAt + executionBytes);
  const chargesAt = textsAt + executionBytes + attemptsBytes;
  const end = chargesAt + buffer.write(text.charges, chargesAt);
  buffer.writeUInt32LE(end - offset - HEADER_BYTES, offset + 4);
  buffer[offset + 8] = KIND_CODES[kind];
  buffer[offset + 9] = idBytes;
  buffer.writeUInt16LE(0, offset + 10);
  buffer.writeUInt32LE(executionBytes, offset + 12);
  buffer.writeUInt32LE(attemptsBytes, attemptsAt);
  buffer.writeUInt32LE(crc32(buffer.subarray(offset + 4, end)), offset);
  return end;
}

/** All frames up to the first that is not whole; zeros are the end. */
export function readFrames(buffer: Buffer): FramesRead {
  const frames: Frame[] = [];
  let offset = 0;
  while (offset + HEADER_BYTES <= buffer.length) {
    const frame = readFrame(buffer, offset);
    if (frame === undefined) break;
    frames.push(frame);
    offset = frame.end;
  }
  return { frames, validBytes: offset, isTorn: !isZero(buffer.subarray(offset, offset + HEADER_BYTES)) };
}

function readFrame(buffer: Buffer, start: number): Frame | undefined {
  const end = start + HEADER_BYTES + buffer.readUInt32LE(start + 4);
  const kind = KINDS[buffer[start + 8] ?? 0];
  if (kind === undefined || end > buffer.length) return undefined;
  if (crc32(buffer.subarray(start + 4, end)) !== buffer.readUInt32LE(start)) return undefined;
  const idAt = start + HEADER_BYTES;
  return { kind, executionId: buffer.toString("utf8", idAt, idAt + (buffer[start + 9] ?? 0)), start, end };
}

/** The record of a frame that `readFrames` found in this buffer. */
export function textOf(buffer: Buffer, { executionId, start, end }: Frame): RecordText {
  const attemptsAt = start + HEADER_BYTES + (buffer[start + 9] ?? 0);
  const textsAt = attemptsAt + ATTEMPTS_LENGTH_BYTES;
  const executionEnd = textsAt + buffer.readUInt32LE(start + 12);
  const attemptsEnd = executionEnd + buffer.readUInt32LE(attemptsAt);
  return {
    executionId,
    execution: buffer.toString("utf8", textsAt, executionEnd),
    attempts: buffer.toString("utf8", executionEnd, attemptsEnd),
    charges: buffer.toString("utf8", attemptsEnd, end),
  };
}

const isZero = (bytes: Buffer): boolean => bytes.every((byte) => byte === 0);
