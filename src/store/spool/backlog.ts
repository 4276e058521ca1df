/**
 * What waits for the database, in the order in which it came. The newest records are in memory as well, as long as they are
 * few; when the database stays away they are on the disk alone, and are read again when their turn comes.
 */
import type { RecordText } from "../record-text.ts";
import { type Segment, sizeOf } from "./segment.ts";

/** Of texts in memory, about. A segment that is read for its turn comes on top. */
const MOST_TEXT_BYTES = 8 * 1024 * 1024;

export class Backlog {
  /** In order; the last is being written. */
  readonly segments: Segment[] = [];
  /** Final records that are not settled. */
  size = 0;
  #textBytes = 0;
  readonly #flush: () => void;

  /** @param flush hands to the kernel what was pushed */
  constructor(flush: () => void) {
    this.#flush = flush;
  }

  /** @param segment with `finals` set, if it has any */
  add(segment: Segment): void {
    this.segments.push(segment);
    this.size += segment.finals;
    if (segment.finals > 0 || this.#textBytes > MOST_TEXT_BYTES / 2) segment.texts = undefined;
    else segment.texts = [];
  }

  /** A record was given its place in a segment, whose `finals` counts it. */
  push(text: RecordText, segment: Segment): void {
    this.size += 1;
    if (segment.texts === undefined) return;
    this.#textBytes += sizeOf(text);
    segment.texts.push(text);
    if (this.#textBytes > MOST_TEXT_BYTES && segment !== this.segments[0]) this.#forget(segment);
    else if (this.#textBytes > 2 * MOST_TEXT_BYTES) this.#forget(segment);
  }

  /** Behind those of the segment that is being written. @returns false when that is not in memory */
  keepInMemory(text: RecordText): boolean {
    const last = this.segments.at(-1);
    if (last?.texts === undefined) return false;
    last.finals += 1;
    this.push(text, last);
    return true;
  }

  /** The first records, at most so many; none when nothing waits. */
  async take(most: number): Promise<readonly RecordText[]> {
    for (;;) {
      const head = this.segments.find(({ settled, finals }) => settled < finals);
      if (head === undefined) return [];
      if (head.texts === undefined) await this.#load(head);
      const texts = head.texts?.slice(0, most) ?? [];
      if (texts.length > 0) return texts;
    }
  }

  /** The first of what `take` gave last need not be kept any more. */
  settle(count: number): void {
    const head = this.segments.find(({ settled, finals }) => settled < finals);
    if (head === undefined) return;
    head.settled += count;
    this.size -= count;
    for (const text of head.texts?.splice(0, count) ?? []) this.#textBytes -= sizeOf(text);
  }

  /** Takes out what is sealed and settled, from the front. */
  shiftDrained(): readonly Segment[] {
    const count = this.segments.findIndex(({ isDrained }) => !isDrained);
    return this.segments.splice(0, count === -1 ? this.segments.length : count);
  }

  async #load(segment: Segment): Promise<void> {
    if (!segment.isSealed) this.#flush();
    const { finals } = segment;
    await segment.load();
    this.size += segment.finals - finals;
    this.#textBytes += segment.textBytes;
  }

  #forget(segment: Segment): void {
    this.#textBytes -= segment.textBytes;
    segment.texts = undefined;
  }
}
