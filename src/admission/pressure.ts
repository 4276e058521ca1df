/** How hard the process is pressed: how late its event loop runs, and how full its heap is. Pure; the clock is an argument. */

/** How often it is looked at, in ms. */
export const LOOK_MS = 10;
/** Lateness counts once it has lasted this many looks: a collector's pause or one large request is over by then. */
const LOOKS = 3;
/** How many times later than "late" is "very late". */
const VERY = 2.5;
/** Share of the heap's limit beyond which calls are refused. */
const FULL_HEAP = 0.85;

export type Pressure = "none" | "late" | "very_late" | "heap";

export class PressureGauge {
  readonly #mostLagMs: number;
  #lookedAtMs: number;
  /** How late the last looks came, the oldest overwritten first. */
  readonly #lagsMs = new Float64Array(LOOKS);
  #oldest = 0;
  #pressure: Pressure = "none";

  /** @param mostLagMs how late the loop may be before calls are refused */
  constructor(mostLagMs: number, nowMs: number) {
    this.#mostLagMs = mostLagMs;
    this.#lookedAtMs = nowMs;
  }

  /**
   * To be called every LOOK_MS; how much later it comes is what the loop is late.
   * @param heapShare of the limit, in use
   */
  look(nowMs: number, heapShare: number): void {
    this.#lagsMs[this.#oldest] = Math.max(0, nowMs - this.#lookedAtMs - LOOK_MS);
    this.#oldest = (this.#oldest + 1) % LOOKS;
    this.#lookedAtMs = nowMs;
    this.#pressure = heapShare > FULL_HEAP ? "heap" : this.#lateness();
  }

  /** As of the last look. */
  get pressure(): Pressure {
    return this.#pressure;
  }

  /** By the least of the last looks, which one pause alone does not raise. */
  #lateness(): Pressure {
    const lagMs = Math.min(...this.#lagsMs);
    if (lagMs > this.#mostLagMs * VERY) return "very_late";
    return lagMs > this.#mostLagMs ? "late" : "none";
  }
}
