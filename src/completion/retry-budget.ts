/**
 * Keeps retries from becoming an outage of their own: over any ten seconds the whole process asks a target again at most
 * for the configured share of the calls, or the configured times a second where that is more. Only a second attempt at the same target is a retry;
 * moving on to another target sheds load from the failing one and is bounded by the breakers and the attempts per call.
 */
import { PRESETS } from "../routing/presets.ts";
import type { RetryConfig } from "../routing/types.ts";
import { SlidingCount } from "./sliding-count.ts";

const WINDOW_MS = 10_000;
const SLOTS = 10;

type Limits = Pick<RetryConfig, "shareOfCalls" | "floorPerSecond">;

export class RetryBudget {
  readonly #calls = new SlidingCount(WINDOW_MS, SLOTS);
  readonly #retries = new SlidingCount(WINDOW_MS, SLOTS);

  /** Once per call, whatever becomes of it. */
  countCall(nowMs: number): void {
    this.#calls.add(nowMs);
  }

  /** Takes one retry; false when the budget is spent, and then nothing is taken. */
  tryTake(nowMs: number, limits: Limits = PRESETS.classic.retries): boolean {
    const floor = Math.floor((limits.floorPerSecond * WINDOW_MS) / 1_000);
    const allowed = Math.max(floor, Math.floor(this.#calls.total(nowMs) * limits.shareOfCalls));
    if (this.#retries.total(nowMs) >= allowed) return false;
    this.#retries.add(nowMs);
    return true;
  }
}
