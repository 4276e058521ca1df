/** Streams whose items arrive in batches: a listener that can send a batch at once takes it whole. */

export interface Batched<T> {
  /** The next items, those that came together; undefined at the end. */
  nextBatch(): Promise<readonly T[] | undefined>;
}

/**
 * The items of arrays that come one after another, each converted as it is taken. No generator: what arrived together
 * is handed over without waiting in between.
 */
export class BatchedStream<A, B> implements AsyncIterableIterator<B>, Batched<B> {
  readonly #source: AsyncIterator<readonly A[]>;
  readonly #convert: (item: A) => B;
  #batch: readonly A[] = [];
  #position = 0;

  constructor(batches: AsyncIterable<readonly A[]>, convert: (item: A) => B) {
    this.#source = batches[Symbol.asyncIterator]();
    this.#convert = convert;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<B>> {
    while (this.#position >= this.#batch.length) {
      const taken = await this.#source.next();
      if (taken.done) return { done: true, value: undefined };
      this.#batch = taken.value;
      this.#position = 0;
    }
    return { done: false, value: this.#convert(this.#batch[this.#position++] as A) };
  }

  async nextBatch(): Promise<readonly B[] | undefined> {
    const taken = await this.#source.next();
    return taken.done ? undefined : taken.value.map(this.#convert);
  }

  async return(): Promise<IteratorResult<B>> {
    await this.#source.return?.();
    return { done: true, value: undefined };
  }
}

/** Any stream by batches; one that does not come in batches gives one item at a time. */
export function batchesOf<T>(stream: AsyncIterator<T> & Partial<Batched<T>>): Batched<T> {
  const { nextBatch } = stream;
  if (nextBatch !== undefined) return { nextBatch: () => nextBatch.call(stream) };
  return {
    async nextBatch() {
      const { done, value } = await stream.next();
      return done ? undefined : [value];
    },
  };
}
