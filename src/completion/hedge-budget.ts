/**
 * Keeps hedges few: over any minute at most the configured share of the calls gets a second attempt beside the first. A
 * provider that slows down makes every call late at once, and without a limit the load on the others would double then.
 */
import { SlidingCount } from "./sliding-count.ts";

const WINDOW_MS = 60_000;
const SLOTS = 60;

/** What became of a hedge: the call went on with it, or with the attempt it was to help, or was stopped meanwhile. */
export type HedgeOutcome = "won" | "lost" | "stopped";

export class HedgeBudget {
  readonly #calls = new SlidingCount(WINDOW_MS, SLOTS);
  readonly #hedges = new SlidingCount(WINDOW_MS, SLOTS);

  /** Once per call, whatever becomes of it. */
  countCall(nowMs: number): void {
    this.#calls.add(nowMs);
  }

  /** @param shareOfCalls in [0, 1] */
  hasRoom(nowMs: number, shareOfCalls: number): boolean {
    return this.#hedges.total(nowMs) + 1 <= this.#calls.total(nowMs) * shareOfCalls;
  }

  take(nowMs: number): void {
    this.#hedges.add(nowMs);
  }
}
