/** How long a target's answers took: the newest 512 of the last hour, 8 KiB a target whatever the traffic. */
const CAPACITY = 512;
const HORIZON_MS = 3_600_000;
/** Below this a median says more about chance than about the target. */
const ENOUGH_CALLS = 20;

export type LatencySummary = Readonly<{
  calls: number;
  /** Absent below 20 calls. */
  p50Ms?: number;
}>;

export class LatencySamples {
  readonly #latencyMs = new Float64Array(CAPACITY);
  readonly #takenAtMs = new Float64Array(CAPACITY);
  #taken = 0;

  add(latencyMs: number, nowMs: number): void {
    const slot = this.#taken % CAPACITY;
    this.#latencyMs[slot] = latencyMs;
    this.#takenAtMs[slot] = nowMs;
    this.#taken += 1;
  }

  summary(nowMs: number): LatencySummary {
    const held = Math.min(this.#taken, CAPACITY);
    const recent = this.#latencyMs
      .subarray(0, held)
      .filter((_, index) => nowMs - (this.#takenAtMs[index] ?? 0) <= HORIZON_MS)
      .sort();
    const median = recent[Math.floor((recent.length - 1) / 2)];
    if (median === undefined || recent.length < ENOUGH_CALLS) return { calls: recent.length };
    return { calls: recent.length, p50Ms: median };
  }
}
