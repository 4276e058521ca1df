/**
 * Takes the text out of frames without parsing them. Most frames of an answer are the one before them but for their piece of text: when all
 * else is the same to the letter and the piece needs no unescaping, parsing the frame would give what the last one gave, with that text.
 */
import type { CompletionEvent } from "./provider.ts";
import type { ServerSentEvent } from "./sse.ts";

const LETTERS = ',"obfuscation":"';
const LETTERS_END = '"}';
const SPACE = 0x20;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

export class RepeatedFrame {
  readonly #opening: string;
  /** Of the frame that the next one is held against; `before` is "" while there is none. */
  #event = "";
  #before = "";
  #after = "";

  /** @param opening what stands before the text in the dialect's frames, from the object that holds it: '"delta":{"content":"' */
  constructor(opening: string) {
    this.#opening = opening;
  }

  /** The frame's text, when it is a repetition; undefined when it has to be parsed. */
  find({ event, data }: ServerSentEvent): string | undefined {
    const textAt = this.#before.length;
    // Cut and compared: on strings this long that takes a tenth of the time of `startsWith`.
    if (textAt === 0 || event !== this.#event || data.slice(0, textAt) !== this.#before) return undefined;
    const frame = this.#isEnd(data) ? data : withoutPadding(data);
    const length = frame.length - textAt - this.#after.length;
    if (length <= 0 || !this.#isEnd(frame)) return undefined;
    const text = frame.slice(textAt, textAt + length);
    return isPlain(text) ? text : undefined;
  }

  #isEnd(frame: string): boolean {
    return frame.slice(-this.#after.length) === this.#after;
  }

  /**
   * Holds the next frames against this one, if it is of the kind.
   * @param events all that the frame came to
   */
  learn({ event, data }: ServerSentEvent, events: readonly CompletionEvent[]): void {
    const [only] = events;
    if (events.length !== 1 || only?.kind !== "text" || !isPlain(only.text)) return;
    const frame = withoutPadding(data);
    const piece = `${this.#opening}${only.text}"`;
    const at = frame.indexOf(piece);
    if (at === -1 || frame.indexOf(piece, at + 1) !== -1) return;
    const textAt = at + this.#opening.length;
    this.#event = event;
    this.#before = frame.slice(0, textAt);
    this.#after = frame.slice(textAt + only.text.length);
  }
}

/** Without what stands at the end of a frame for its length's sake: Anthropic's spaces, OpenAI's letters. */
function withoutPadding(data: string): string {
  let end = data.length - 1;
  while (data.charCodeAt(end - 1) === SPACE) end -= 1;
  if (end < data.length - 1) return `${data.slice(0, end)}}`;
  const at = data.endsWith(LETTERS_END) ? data.lastIndexOf(LETTERS) : -1;
  const isPadded = at !== -1 && isPlain(data.slice(at + LETTERS.length, -LETTERS_END.length));
  return isPadded ? `${data.slice(0, at)}}` : data;
}

/** Means itself between the quotes of a JSON string. */
function isPlain(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code < SPACE || code === QUOTE || code === BACKSLASH) return false;
  }
  return true;
}
