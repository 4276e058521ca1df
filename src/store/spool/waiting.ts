/** Those who wait for the disk, in order. Nobody waits for ever: a disk that takes too long does not hold up an answer. */

const LONGEST_WAIT_MS = 5_000;
const LOOK_EVERY_MS = 1_000;

type Waiter = Readonly<{ upTo: number; untilMs: number; resolve: () => void }>;

export class Waiting {
  readonly #waiters: Waiter[] = [];
  #timer: NodeJS.Timeout | undefined;

  get isEmpty(): boolean {
    return this.#waiters.length === 0;
  }

  /** @param upTo no less than those before it waited for */
  add(upTo: number): Promise<void> {
    this.#timer ??= setInterval(this.#letGo, LOOK_EVERY_MS).unref();
    const untilMs = performance.now() + LONGEST_WAIT_MS;
    return new Promise((resolve) => this.#waiters.push({ upTo, untilMs, resolve }));
  }

  /** So many are on the disk. */
  reached(count: number): void {
    this.#release(({ upTo }) => upTo <= count);
  }

  close(): void {
    this.#release(() => true);
    clearInterval(this.#timer);
  }

  readonly #letGo = (): void => {
    const nowMs = performance.now();
    this.#release(({ untilMs }) => untilMs <= nowMs);
    if (!this.isEmpty) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  };

  #release(may: (waiter: Waiter) => boolean): void {
    for (let first = this.#waiters[0]; first && may(first); first = this.#waiters[0]) {
      this.#waiters.shift();
      first.resolve();
    }
  }
}
