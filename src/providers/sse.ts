/** Server-sent events out of bytes, by the rules of the WHATWG HTML standard, section 9.2.6, with a bound on memory. */
import { TextDecoder } from "node:util";

/** One event. `id` and `retry` are left out: nothing here reconnects. */
export type ServerSentEvent = Readonly<{
  /** The `event` field; "" when there was none. */
  event: string;
  data: string;
}>;

/** A line or an event grew past the limit; the stream cannot be read on. */
export class SseLimitError extends Error {
  override readonly name = "SseLimitError";
}

const DEFAULT_LIMIT_CHARACTERS = 1024 * 1024;
const DATA = "data:";
const SPACE = 0x20;
const ASCII_END = 0x80;
const BYTE_ORDER_MARK = 0xfeff;
/** Beyond this it is worth a copy not to keep it, in UTF-16 code units. */
const LONG_TEXT = 4_096;

/**
 * Decodes one stream. Bytes may be cut anywhere, within a character or between CR and LF; invalid UTF-8 becomes
 * U+FFFD. What follows the last blank line is never an event, so a cut stream ends without its last event.
 */
export class SseDecoder {
  readonly #limit: number;
  /** For what is cut within a character; made when that first happens. */
  #utf8: TextDecoder | undefined;
  /** The decoder holds the beginning of a character. */
  #isWithinCharacter = false;
  /** Nothing has come yet: a byte order mark may. */
  #isFirst = true;
  /** The line so far: its end has not arrived. */
  #line = "";
  #event = "";
  /** The data lines so far, joined; undefined before the first. */
  #data: string | undefined;
  /** The last character was CR, so an LF that comes next belongs to it. */
  #afterCarriageReturn = false;

  /** @param limitCharacters longest line and longest event, in UTF-16 code units */
  constructor(limitCharacters = DEFAULT_LIMIT_CHARACTERS) {
    this.#limit = limitCharacters;
  }

  /**
   * The events that this chunk completed, in order.
   * @throws SseLimitError once a line or an event is longer than the limit
   */
  push(chunk: Uint8Array): ServerSentEvent[] {
    const events: ServerSentEvent[] = [];
    const text = this.#normaliseLineEnds(this.#decode(chunk));
    let start = 0;
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", start)) {
      this.#endLine(text, start, end, events);
      start = end + 1;
    }
    if (start < text.length) this.#line += ownText(text, start);
    this.#checkLimit(this.#line.length);
    return events;
  }

  #decode(chunk: Uint8Array): string {
    const text = this.#decodeCharacters(chunk);
    if (!this.#isFirst || text === "") return text;
    this.#isFirst = false;
    return text.charCodeAt(0) === BYTE_ORDER_MARK ? text.slice(1) : text;
  }

  /** After an ASCII byte nothing is left over, and nearly every chunk ends with one: it is decoded on its own, for half the time. */
  #decodeCharacters(chunk: Uint8Array): string {
    const wasWithin = this.#isWithinCharacter;
    this.#isWithinCharacter = (chunk.at(-1) ?? (wasWithin ? ASCII_END : 0)) >= ASCII_END;
    if (!wasWithin && !this.#isWithinCharacter) return asBuffer(chunk).toString("utf8");
    this.#utf8 ??= new TextDecoder("utf-8", { ignoreBOM: true });
    return this.#utf8.decode(chunk, { stream: true });
  }

  /** CR and CRLF become LF. A CR ends its line at once; an LF that turns out to follow it is dropped. */
  #normaliseLineEnds(text: string): string {
    if (text === "") return text;
    const rest = this.#afterCarriageReturn && text.startsWith("\n") ? text.slice(1) : text;
    this.#afterCarriageReturn = text.endsWith("\r");
    return rest.includes("\r") ? rest.replace(/\r\n?/g, "\n") : rest;
  }

  /** The line's last part is at `start` to `end` of the text; as a rule that is all of it. */
  #endLine(text: string, start: number, end: number, events: ServerSentEvent[]): void {
    if (this.#line !== "") {
      this.#readField(this.#line + text.slice(start, end));
      this.#line = "";
    } else if (start === end) {
      this.#dispatch(events);
    } else if (isDataAt(text, start)) {
      this.#checkLimit(end - start + (this.#data?.length ?? 0));
      const from = start + DATA.length;
      this.#addData(text.slice(text.charCodeAt(from) === SPACE ? from + 1 : from, end));
    } else {
      this.#readField(text.slice(start, end));
    }
  }

  #dispatch(events: ServerSentEvent[]): void {
    if (this.#data !== undefined) events.push({ event: this.#event, data: this.#data });
    this.#event = "";
    this.#data = undefined;
  }

  #readField(line: string): void {
    this.#checkLimit(line.length + (this.#data?.length ?? 0));
    const colon = line.indexOf(":");
    const name = colon === -1 ? line : line.slice(0, colon);
    if (name !== "data" && name !== "event") return;
    const valueStart = line.charCodeAt(colon + 1) === SPACE ? colon + 2 : colon + 1;
    const value = colon === -1 ? "" : line.slice(valueStart);
    if (name === "event") this.#event = value;
    else this.#addData(value);
  }

  #addData(value: string): void {
    this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`;
  }

  #checkLimit(length: number): void {
    if (length > this.#limit) throw new SseLimitError(`an event is longer than ${this.#limit} characters`);
  }
}

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The rest of a text, which V8 would otherwise keep whole for it. */
function ownText(text: string, start: number): string {
  const rest = text.slice(start);
  return start > LONG_TEXT ? Buffer.from(rest).toString() : rest;
}

function isDataAt(text: string, start: number): boolean {
  for (let index = 0; index < DATA.length; index += 1) {
    if (text.charCodeAt(start + index) !== DATA.charCodeAt(index)) return false;
  }
  return true;
}
