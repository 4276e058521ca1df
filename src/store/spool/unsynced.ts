/**
 * What was written and is not known to be on the disk, as the bytes of its frames. Under load that is a second of records:
 * as texts V8's collector would copy each of them twice and count them among the old, as bytes it sees one buffer.
 */

import type { RecordText } from "../record-text.ts";
import { type FrameKind, readFrames, textOf } from "./frame.ts";

const LEAST_BYTES = 256 * 1024;

export class Unsynced {
  /** In use, from the start of the buffer. */
  byteLength = 0;
  #buffer = Buffer.allocUnsafe(LEAST_BYTES);

  /** Keeps a copy of the frame that is there in `source`. */
  add(source: Buffer, start: number, end: number): void {
    const needed = this.byteLength + end - start;
    if (needed > this.#buffer.length) this.#resize(Math.max(needed, 2 * this.#buffer.length));
    this.byteLength += source.copy(this.#buffer, this.byteLength, start, end);
  }

  /** The first so many bytes, whole frames, are on the disk. A buffer that is mostly empty shrinks. */
  drop(bytes: number): void {
    this.#buffer.copyWithin(0, bytes, this.byteLength);
    this.byteLength -= bytes;
    const half = this.#buffer.length / 2;
    if (half >= LEAST_BYTES && Math.max(bytes, this.byteLength) < half / 2) this.#resize(half);
  }

  /** In order. What is added or dropped meanwhile changes nothing. */
  records(): readonly Readonly<{ kind: FrameKind; text: RecordText }>[] {
    const bytes = this.#buffer.subarray(0, this.byteLength);
    return readFrames(bytes).frames.map((frame) => ({ kind: frame.kind, text: textOf(bytes, frame) }));
  }

  #resize(bytes: number): void {
    const buffer = Buffer.allocUnsafe(bytes);
    this.#buffer.copy(buffer, 0, 0, this.byteLength);
    this.#buffer = buffer;
  }
}
