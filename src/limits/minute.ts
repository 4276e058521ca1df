/**
 * How much of something there was in the last minute, by the second. A second counts as long as any of it is in the minute, so
 * that whoever keeps the sum below a limit keeps every sixty seconds below it, wherever they begin.
 */
const SECOND_MS = 1_000;
/** Sixty whole seconds, and the one that has begun. */
const SECONDS = 61;

export class Minute {
  readonly #amounts = new Float64Array(SECONDS);
  /** The second that was counted last, since the clock's zero. */
  #second = 0;
  #sum = 0;

  sum(nowMs: number): number {
    this.#advance(nowMs);
    return this.#sum;
  }

  add(amount: number, nowMs: number): void {
    this.#advance(nowMs);
    this.#amounts[this.#second % SECONDS] = (this.#amounts[this.#second % SECONDS] ?? 0) + amount;
    this.#sum += amount;
  }

  /** Takes back what was added at a time, unless it is over a minute ago. */
  takeBack(amount: number, addedMs: number, nowMs: number): void {
    this.#advance(nowMs);
    const second = Math.floor(addedMs / SECOND_MS);
    if (this.#second - second >= SECONDS) return;
    const at = second % SECONDS;
    this.#amounts[at] = (this.#amounts[at] ?? 0) - amount;
    this.#sum -= amount;
  }

  /** In how many ms so much has gone by, if nothing is added; a minute when there never was so much. */
  msUntilGone(amount: number, nowMs: number): number {
    this.#advance(nowMs);
    const oldest = this.#second - SECONDS + 1;
    let gone = 0;
    for (let second = oldest; second <= this.#second; second += 1) {
      gone += second < 0 ? 0 : (this.#amounts[second % SECONDS] ?? 0);
      if (gone >= amount) return (second + SECONDS) * SECOND_MS - nowMs;
    }
    return (SECONDS - 1) * SECOND_MS;
  }

  #advance(nowMs: number): void {
    const now = Math.floor(nowMs / SECOND_MS);
    const passed = Math.min(now - this.#second, SECONDS);
    for (let step = 1; step <= passed; step += 1) {
      const at = (now - passed + step) % SECONDS;
      this.#sum -= this.#amounts[at] ?? 0;
      this.#amounts[at] = 0;
    }
    if (now > this.#second) this.#second = now;
  }
}
