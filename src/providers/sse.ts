/** Server-sent events out of bytes, by the rules of the WHATWG HTML standard, section 9.2.6, with a bound on memory. */

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
const SPACE = 0x20;

/**
 * Decodes one stream. Bytes may be cut anywhere, within a character or between CR and LF; invalid UTF-8 becomes
 * U+FFFD. What follows the last blank line is never an event, so a cut stream ends without its last event.
 */
export class SseDecoder {
  readonly #limit: number;
  readonly #utf8 = new TextDecoder();
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
    const text = this.#normaliseLineEnds(this.#utf8.decode(chunk, { stream: true }));
    let start = 0;
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", start)) {
      this.#endLine(text.slice(start, end), events);
      start = end + 1;
    }
    this.#line += text.slice(start);
    this.#checkLimit(this.#line.length);
    return events;
  }

  /** CR and CRLF become LF. A CR ends its line at once; an LF that turns out to follow it is dropped. */
  #normaliseLineEnds(text: string): string {
    if (text === "") return text;
    const rest = this.#afterCarriageReturn && text.startsWith("\n") ? text.slice(1) : text;
    this.#afterCarriageReturn = text.endsWith("\r");
    return rest.includes("\r") ? rest.replace(/\r\n?/g, "\n") : rest;
  }

  #endLine(rest: string, events: ServerSentEvent[]): void {
    const line = this.#line === "" ? rest : this.#line + rest;
    this.#line = "";
    if (line === "") this.#dispatch(events);
    else this.#readField(line);
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
    else this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`;
  }

  #checkLimit(length: number): void {
    if (length > this.#limit) throw new SseLimitError(`an event is longer than ${this.#limit} characters`);
  }
}
