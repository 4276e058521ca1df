/** Items of a stream in groups, for what is done many at a time. */
import { setTimeout as sleep } from "node:timers/promises";

const LATE = Symbol("late");

/**
 * Groups of what comes within a moment of its first item, at most so many. One item is read ahead, and no more. Where the stream
 * fails, what came before is a group still.
 */
export async function* gathered<T>(
  items: AsyncIterable<T>,
  most: number,
  waitMs: number,
): AsyncGenerator<readonly T[]> {
  const source = items[Symbol.asyncIterator]();
  const read = (): Promise<IteratorResult<T>> => {
    const reading = source.next();
    reading.catch(() => undefined); // it is awaited a moment later
    return reading;
  };
  let next = read();
  try {
    for (let first = await next; !first.done; first = await next) {
      const group = [first.value];
      const late = sleep(waitMs, LATE);
      next = read();
      while (group.length < most) {
        const item = await Promise.race([next, late]).catch(() => LATE);
        if (typeof item === "symbol" || item.done) break;
        group.push(item.value);
        next = read();
      }
      yield group;
    }
  } finally {
    source.return?.().catch(() => undefined); // it may wait for an item that never comes
  }
}
