/** Streams that go on until somebody ends them: how many there may be, and how they end. */
import { setTimeout as sleep } from "node:timers/promises";
import { Code } from "@connectrpc/connect";
import { refusal } from "./errors.ts";

/** Of one process. */
const MOST_WATCHERS = 50;

export class Watchers {
  readonly #closing = new AbortController();
  #count = 0;

  /**
   * What is read again and again, the first at once. Ends without an error when it has gone on for `longestMs`, when the
   * caller is gone, and when the watchers are closed.
   */
  async *watch<T>(
    read: () => Promise<T>,
    {
      intervalMs,
      longestMs,
      signal,
    }: Readonly<{ intervalMs: number; longestMs: number; signal: AbortSignal }>,
  ): AsyncGenerator<T> {
    if (this.#count >= MOST_WATCHERS) {
      const message = `${MOST_WATCHERS} others are watching: end one of these streams, or ask for single answers`;
      throw refusal(message, Code.ResourceExhausted, "TOO_MANY_WATCHERS");
    }
    this.#count += 1;
    const ended = AbortSignal.any([signal, this.#closing.signal]);
    try {
      for (let leftMs = longestMs; leftMs > 0 && !ended.aborted; leftMs -= intervalMs) {
        yield await read();
        await sleep(intervalMs, undefined, { signal: ended, ref: false }).catch(() => undefined);
      }
    } finally {
      this.#count -= 1;
    }
  }

  /** Ends all streams, and those that come later before their first message. */
  close(): void {
    this.#closing.abort();
  }
}

/** Those who ask for the same at the same time share one answer, and those who come within `forMs` of it get it, too. */
export class SharedReads<T> {
  readonly #forMs: number;
  readonly #nowMs: () => number;
  readonly #reads = new Map<string, Readonly<{ answer: Promise<T>; sinceMs: number }>>();

  constructor(forMs: number, nowMs: () => number) {
    this.#forMs = forMs;
    this.#nowMs = nowMs;
  }

  get(key: string, read: () => Promise<T>): Promise<T> {
    const nowMs = this.#nowMs();
    for (const [other, { sinceMs }] of this.#reads) {
      if (nowMs - sinceMs >= this.#forMs) this.#reads.delete(other);
    }
    const there = this.#reads.get(key);
    if (there !== undefined) return there.answer;
    const answer = read();
    this.#reads.set(key, { answer, sinceMs: nowMs });
    answer.catch(() => this.#reads.delete(key));
    return answer;
  }
}
