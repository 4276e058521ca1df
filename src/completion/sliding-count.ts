/**
 * How many things happened in the last while. Counts per slot, so memory and work do not grow with the traffic; what it
 * forgets it forgets a slot at a time.
 */
export class SlidingCount {
  readonly #slots: Uint32Array;
  readonly #slotMs: number;
  /** Ordinal of the slot that is being filled, counted from the clock's zero. */
  #current = 0;
  #sum = 0;

  /** @param windowMs how far back it counts, in ms @param slots how finely; 10 slots of a 10 s window are 1 s each */
  constructor(windowMs: number, slots: number) {
    this.#slots = new Uint32Array(slots);
    this.#slotMs = windowMs / slots;
  }

  add(nowMs: number): void {
    this.#advance(nowMs);
    const slot = this.#current % this.#slots.length;
    this.#slots[slot] = this.#at(slot) + 1;
    this.#sum += 1;
  }

  total(nowMs: number): number {
    this.#advance(nowMs);
    return this.#sum;
  }

  clear(): void {
    this.#slots.fill(0);
    this.#sum = 0;
  }

  #advance(nowMs: number): void {
    const now = Math.floor(nowMs / this.#slotMs);
    const passed = Math.min(now - this.#current, this.#slots.length);
    for (let step = 1; step <= passed; step += 1) {
      const slot = (this.#current + step) % this.#slots.length;
      this.#sum -= this.#at(slot);
      this.#slots[slot] = 0;
    }
    if (now > this.#current) this.#current = now;
  }

  #at(slot: number): number {
    return this.#slots[slot] ?? 0;
  }
}
