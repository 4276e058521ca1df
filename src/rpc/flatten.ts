/**
 * The items of arrays that come one after another, each converted as it is taken. No generator: what arrived together
 * is handed over without waiting in between.
 */
export function flatten<A, B>(
  batches: AsyncIterable<readonly A[]>,
  convert: (item: A) => B,
): AsyncIterableIterator<B> {
  const source = batches[Symbol.asyncIterator]();
  let batch: readonly A[] = [];
  let position = 0;
  const next = async (): Promise<IteratorResult<B>> => {
    while (position >= batch.length) {
      const taken = await source.next();
      if (taken.done) return { done: true, value: undefined };
      batch = taken.value;
      position = 0;
    }
    return { done: false, value: convert(batch[position++] as A) };
  };
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next,
    async return(): Promise<IteratorResult<B>> {
      await source.return?.();
      return { done: true, value: undefined };
    },
  };
}
