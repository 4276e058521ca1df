/** How long a target took, for whole answers or for first tokens: the newest 512 of the last hour, 8 KiB whatever the traffic. */
const CAPACITY = 512;
const HORIZON_MS = 3_600_000;
/** Below this a percentile says more about chance than about the target. */
const ENOUGH_CALLS = 20;

export type LatencySummary = Readonly<{
  calls: number;
  /** Both absent below 20 calls. */
  p50Ms?: number;
  p95Ms?: number;
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
    const calls = recent.length;
    if (calls < ENOUGH_CALLS) return { calls };
    return { calls, p50Ms: percentile(recent, 50), p95Ms: percentile(recent, 95) };
  }
}

/** By nearest rank: the smallest sample that so many in a hundred do not exceed. */
function percentile(ascending: Float64Array, percent: number): number {
  return ascending[Math.ceil((ascending.length * percent) / 100) - 1] ?? 0;
}
