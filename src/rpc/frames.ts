/**
 * Messages of a stream as gRPC puts them on the wire, many in one piece. grpc-js would allocate, copy and write each of a
 * hundred tokens that came together by itself, which costs more than all else that is done for them.
 */
import type { DescMessage, Message } from "@bufbuild/protobuf";
import { type CompleteResponse, CompleteResponseSchema } from "../../gen/modeltier/v1/completion_pb.js";
import { encode } from "./encoder.ts";

/** A message's uncompressed flag and its length, before its bytes. */
const HEAD_BYTES = 5;

/**
 * Whole messages with their heads, in the place of one serialized message. Of that grpc-js asks two things: how long it is, and to be
 * copied behind the head that was written for it. This one leaves out its first head when asked for its length, and writes
 * all heads itself, over the one that is there.
 */
export class Frames {
  readonly #bytes: Buffer;

  /** @param bytes one message or more, each with its head */
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get byteLength(): number {
    return this.#bytes.length - HEAD_BYTES;
  }

  copy(target: Buffer, at: number): void {
    this.#bytes.copy(target, at - HEAD_BYTES);
  }
}

/** A writer that has grown beyond it is let go. */
const MOST_KEPT_BYTES = 65_536;
let kept: FrameWriter | undefined;

/** @param messages of the schema, at least one */
export function framesOf(schema: DescMessage, messages: readonly Message[]): Frames {
  const writer = kept ?? new FrameWriter();
  kept = undefined; // one that fails half way is not used again
  const isAnswer = schema.typeName === CompleteResponseSchema.typeName;
  for (const message of messages) {
    if (isAnswer && writer.addText(message as CompleteResponse)) continue;
    writer.add(encode(schema, message));
  }
  const bytes = writer.finish();
  if (bytes.length <= MOST_KEPT_BYTES) kept = writer;
  return new Frames(bytes);
}

const TEXT_DELTA_TAG = 0x1a;
const TEXT_TAG = 0x0a;
const REFUSAL_TAG = 0x10;
/** UTF-8 of one UTF-16 unit, at most. */
const MOST_BYTES_PER_UNIT = 3;
/** Up to here every length in the message is one byte. */
const MOST_SHORT_UNITS = 40;
/** Head, tag and length of the delta and of its text, the refusal. */
const SHORT_BYTES = HEAD_BYTES + 2 + 2 + 2;

class FrameWriter {
  #buffer = Buffer.allocUnsafeSlow(2_048);
  #length = 0;

  /** What was added, in a buffer of its own; begins anew. */
  finish(): Buffer {
    const bytes = Buffer.allocUnsafe(this.#length);
    this.#buffer.copy(bytes, 0, 0, this.#length);
    this.#length = 0;
    return bytes;
  }

  add(message: Uint8Array): void {
    this.#reserve(HEAD_BYTES + message.length);
    this.#buffer.set(message, this.#length + HEAD_BYTES);
    this.#end(message.length);
  }

  /**
   * A short piece of text, written without the detour over fields and their descriptions: nearly all messages are.
   * @returns false for any other, of which nothing was written
   */
  addText({ event, $unknown }: CompleteResponse): boolean {
    if (event.case !== "textDelta" || $unknown !== undefined || event.value.$unknown !== undefined)
      return false;
    const { text, refusal } = event.value;
    if (text === "" || text.length > MOST_SHORT_UNITS) return false;
    this.#reserve(SHORT_BYTES + text.length * MOST_BYTES_PER_UNIT);
    const buffer = this.#buffer;
    const start = this.#length + HEAD_BYTES;
    const textAt = start + 4;
    const textBytes = writeShort(buffer, text, textAt);
    const deltaBytes = 2 + textBytes + (refusal ? 2 : 0);
    buffer[start] = TEXT_DELTA_TAG;
    buffer[start + 1] = deltaBytes;
    buffer[start + 2] = TEXT_TAG;
    buffer[start + 3] = textBytes;
    if (refusal) {
      buffer[textAt + textBytes] = REFUSAL_TAG;
      buffer[textAt + textBytes + 1] = 1;
    }
    this.#end(2 + deltaBytes);
    return true;
  }

  #end(messageBytes: number): void {
    this.#buffer[this.#length] = 0;
    this.#buffer.writeUInt32BE(messageBytes, this.#length + 1);
    this.#length += HEAD_BYTES + messageBytes;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

/** Writes plain characters one by one, which for a word is quicker than a call into the runtime. @returns the bytes written */
function writeShort(buffer: Buffer, text: string, at: number): number {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code >= 0x80) return buffer.write(text, at, "utf8");
    buffer[at + index] = code;
  }
  return text.length;
}
