/**
 * The time of day as the database has it: what one replica dates, another reads, and their own clocks may be minutes apart. Goes by
 * this machine's clock until the database has been heard, and while it is away by what was heard last.
 */
export class SharedClock {
  readonly #wallMs: () => number;
  readonly #monotonicMs: () => number;
  #heard: Readonly<{ wallMs: number; atMs: number }> | undefined;

  constructor(wallMs: () => number, monotonicMs: () => number) {
    this.#wallMs = wallMs;
    this.#monotonicMs = monotonicMs;
  }

  readonly nowMs = (): number =>
    this.#heard === undefined
      ? this.#wallMs()
      : Math.round(this.#heard.wallMs + this.#monotonicMs() - this.#heard.atMs);

  /** @param ask gives the database's time; that was somewhere between the asking and the answer */
  async hear(ask: () => Promise<Date>): Promise<void> {
    const askedMs = this.#monotonicMs();
    const answer = await ask();
    const answeredMs = this.#monotonicMs();
    this.#heard = { wallMs: answer.getTime(), atMs: (askedMs + answeredMs) / 2 };
  }
}
