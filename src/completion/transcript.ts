/**
 * What was delivered, in a form that another attempt can be held against: all content in order, adjacent pieces of the
 * same kind joined, so that how an answer was cut into pieces does not matter. A tool call's id is left out: providers
 * make it up anew each time, and the caller keeps the one it was given first. The same goes for what seals a block of
 * reasoning, a signature or the encrypted whole: it differs each time, and the first one proves the same text.
 */
import type { ContentEvent } from "./events.ts";
import { isSeal } from "./usage.ts";

type Segment = { readonly channel: string; text: string };
type Piece = Readonly<{ channel: string; text: string }>;
/** Ends a tool's name, so that "get" with arguments is not the beginning of "get_all". */
const NAME_END = "\u0000";

function pieceOf(event: ContentEvent): Piece {
  if (event.kind !== "tool_call") return { channel: event.kind, text: event.text };
  return { channel: `tool_call ${event.index}`, text: headOf(event) + event.argumentsJson };
}

function headOf(event: Extract<ContentEvent, { kind: "tool_call" }>): string {
  return event.name === undefined ? "" : event.name + NAME_END;
}

/** @param event with more in it than `length` units of its piece, its head at least */
function withoutBeginning(event: ContentEvent, length: number): ContentEvent {
  if (event.kind !== "tool_call") return { ...event, text: event.text.slice(length) };
  const argumentsJson = event.argumentsJson.slice(length - headOf(event).length);
  return { kind: "tool_call", index: event.index, argumentsJson };
}

/** Compares an attempt with what was delivered before it, as it comes. */
export class TranscriptCheck {
  readonly #segments: readonly Segment[];
  #segment = 0;
  /** Units of the current segment that were repeated. */
  #repeated = 0;
  /** Seals that were delivered and have not come again. */
  #sealsLeft: number;

  /** @param delivered content with something in it */
  constructor(delivered: readonly (readonly ContentEvent[])[]) {
    this.#segments = joined(delivered);
    this.#sealsLeft = delivered.flat().filter(isSeal).length;
  }

  /** All that was delivered has been said again. */
  get isRepeated(): boolean {
    return this.#isSaid && this.#sealsLeft === 0;
  }

  get #isSaid(): boolean {
    const current = this.#segments[this.#segment];
    const isLast = this.#segment === this.#segments.length - 1;
    return current === undefined || (isLast && this.#repeated === current.text.length);
  }

  /** Takes the next events. What lies beyond the repetition comes back; undefined when it is no repetition. */
  take(events: readonly ContentEvent[]): readonly ContentEvent[] | undefined {
    for (const [index, event] of events.entries()) {
      if (this.#takeSeal(event)) continue;
      if (this.#isSaid) return this.#beyond(events.slice(index));
      const left = this.#match(event);
      if (left === undefined) return undefined;
      if (left !== "") return this.#beyond([left, ...events.slice(index + 1)]);
    }
    return [];
  }

  /** True for a seal in place of one that the caller has. */
  #takeSeal(event: ContentEvent): boolean {
    if (this.#sealsLeft === 0 || !isSeal(event)) return false;
    this.#sealsLeft -= 1;
    return true;
  }

  /** A model that seals nothing has said it all the same. */
  #beyond(events: readonly ContentEvent[]): readonly ContentEvent[] {
    this.#sealsLeft = 0;
    return events;
  }

  /** "": the whole event repeats; an event: its part beyond the repetition; undefined: it differs. */
  #match(event: ContentEvent): ContentEvent | "" | undefined {
    const { channel, text } = pieceOf(event);
    if (text === "") return "";
    const expected = this.#expect(channel);
    if (expected === undefined) return undefined;
    const length = Math.min(text.length, expected.text.length - this.#repeated);
    if (!expected.text.startsWith(text.slice(0, length), this.#repeated)) return undefined;
    this.#repeated += length;
    if (length === text.length) return "";
    return this.#isSaid ? withoutBeginning(event, length) : undefined;
  }

  /** The segment that comes next, if it is of this channel. */
  #expect(channel: string): Segment | undefined {
    const current = this.#segments[this.#segment];
    if (current !== undefined && this.#repeated === current.text.length) {
      this.#segment += 1;
      this.#repeated = 0;
    }
    const expected = this.#segments[this.#segment];
    return expected?.channel === channel ? expected : undefined;
  }
}

function joined(delivered: readonly (readonly ContentEvent[])[]): Segment[] {
  const segments: Segment[] = [];
  for (const event of delivered.flat()) {
    const { channel, text } = pieceOf(event);
    const last = segments.at(-1);
    if (text === "") continue;
    if (last?.channel === channel) last.text += text;
    else segments.push({ channel, text });
  }
  return segments;
}
