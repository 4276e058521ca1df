/**
 * Keeps calls away from a target that fails. Closed: everyone may pass. Open: nobody, until its cool-down is over. Then
 * one probe goes; its first token closes the breaker again, its failure opens it for another cool-down.
 *
 * Every change of state begins a new epoch, and a verdict counts only in the epoch its call was admitted in: calls that
 * were under way when the breaker opened do not judge what came after.
 */
import { PRESETS } from "../routing/presets.ts";
import type { BreakerConfig, TargetState } from "../routing/types.ts";
import type { BreakerEffect } from "./failure-policy.ts";
import { SlidingCount } from "./sliding-count.ts";

export type BreakerState = TargetState["breaker"];

const WINDOW_MS = 30_000;
const WINDOW_SLOTS = 30;
/** Providers have been seen to ask for weeks; one probe an hour does no harm. */
const LONGEST_COOL_DOWN_MS = 3_600_000;
/** Leave to make one attempt. */
export type Ticket = { epoch: number; readonly probe: boolean };

export class Breaker {
  readonly #onChange: (from: BreakerState, to: BreakerState) => void;
  readonly #config: () => BreakerConfig;
  /** `half_open` means that the probe is under way. */
  #state: BreakerState = "closed";
  #epoch = 0;
  #openedAtMs = 0;
  #openUntilMs = 0;
  /** The provider itself asked for quiet until then, so nothing shortens it. */
  #notBeforeMs = 0;
  #openedBy: BreakerEffect = "counts";
  #failuresInARow = 0;
  readonly #calls = new SlidingCount(WINDOW_MS, WINDOW_SLOTS);
  readonly #failures = new SlidingCount(WINDOW_MS, WINDOW_SLOTS);

  /** @param config the one in force when a verdict comes */
  constructor(
    onChange: (from: BreakerState, to: BreakerState) => void = () => {},
    config: () => BreakerConfig = () => PRESETS.classic.breaker,
  ) {
    this.#onChange = onChange;
    this.#config = config;
  }

  /** As a router needs it: `half_open` when a probe may go, `open` while one is under way. */
  stateFor(nowMs: number): BreakerState {
    if (this.#state === "half_open") return "open";
    return this.#state === "open" && nowMs >= this.#openUntilMs ? "half_open" : this.#state;
  }

  /** In ms until a call may pass; 0 now, Infinity when time alone does not help. */
  waitMs(nowMs: number): number {
    if (this.#state === "closed") return 0;
    if (this.#state === "parked") return Number.POSITIVE_INFINITY;
    if (this.#state === "half_open") return this.#config().panicProbeMs; // the probe's verdict, more or less
    return Math.max(0, this.#openUntilMs - nowMs);
  }

  /** Leave to make one attempt, or undefined. Each ticket gets one verdict: succeeded, failed or released. */
  acquire(nowMs: number): Ticket | undefined {
    if (this.#state === "closed") return { epoch: this.#epoch, probe: false };
    if (this.#state !== "open" || nowMs < this.#openUntilMs) return undefined;
    this.#become("half_open");
    return { epoch: this.#epoch, probe: true };
  }

  /** Content came. A probe has proved its target with that; it stays on probation until it ends. */
  firstToken(ticket: Ticket): void {
    if (!ticket.probe || ticket.epoch !== this.#epoch || this.#state !== "half_open") return;
    this.#close();
    ticket.epoch = this.#epoch;
  }

  succeeded(ticket: Ticket, nowMs: number): void {
    this.firstToken(ticket);
    if (ticket.epoch !== this.#epoch) return;
    this.#failuresInARow = 0;
    this.#calls.add(nowMs);
  }

  /** @param retryAfterMs what the provider asked for, from now */
  failed(ticket: Ticket, effect: BreakerEffect, retryAfterMs: number | undefined, nowMs: number): void {
    // The provider's own "not before" holds whenever the call that heard it began.
    if (ticket.epoch !== this.#epoch && effect !== "cools_down") return;
    switch (effect) {
      case "counts":
        this.#count(ticket, nowMs);
        break;
      case "cools_down":
        this.#coolDown(ticket, retryAfterMs ?? this.#config().rateLimitCoolDownMs, nowMs);
        break;
      case "long_cool_down":
        this.#open(effect, Math.max(this.#config().quotaCoolDownMs, retryAfterMs ?? 0), nowMs);
        break;
      case "parks":
        this.#become("parked");
        break;
      case "ignores":
        this.firstToken(ticket); // it answered, and that is all a probe asks
        break;
    }
  }

  /** The attempt ended without a verdict on the target: cancelled, out of time, or not needed any more. */
  released(ticket: Ticket, nowMs: number): void {
    if (ticket.epoch === this.#epoch && this.#state === "half_open") this.#open("ignores", 0, nowMs);
  }

  /**
   * Lets a probe go before the cool-down is over, because nothing else is left to try: at most one a second as shipped, and never
   * against a wait the provider asked for.
   */
  hurry(nowMs: number): boolean {
    if (this.#state !== "open") return false;
    if (nowMs >= this.#openUntilMs) return true;
    if (nowMs < this.#notBeforeMs || nowMs - this.#openedAtMs < this.#config().panicProbeMs) return false;
    this.#openUntilMs = nowMs;
    return true;
  }

  /** Keys or configuration changed: what a bad key, a missing model or an empty account had ruled out may work now. */
  reset(): void {
    const isOutOfQuota = this.#state === "open" && this.#openedBy === "long_cool_down";
    if (this.#state !== "parked" && !isOutOfQuota) return;
    this.#notBeforeMs = 0;
    this.#openUntilMs = 0;
    this.#close();
  }

  #count(ticket: Ticket, nowMs: number): void {
    this.#failuresInARow += 1;
    this.#calls.add(nowMs);
    this.#failures.add(nowMs);
    const calls = this.#calls.total(nowMs);
    const failedShare = this.#failures.total(nowMs) / calls;
    const config = this.#config();
    const tooMany = calls >= config.windowCalls && failedShare >= config.failedShare;
    const isRow = this.#failuresInARow >= config.failuresInARow;
    if (ticket.probe || tooMany || isRow) this.#open("counts", config.openMs, nowMs);
  }

  #coolDown(ticket: Ticket, forMs: number, nowMs: number): void {
    if (this.#state === "parked") return;
    if (forMs <= 0) this.released(ticket, nowMs);
    else this.#open("cools_down", forMs, nowMs);
  }

  /** Opening what is open only ever lengthens the wait. */
  #open(by: BreakerEffect, forMs: number, nowMs: number): void {
    const untilMs = nowMs + Math.min(forMs, LONGEST_COOL_DOWN_MS);
    const wasOpen = this.#state === "open";
    if (!wasOpen || untilMs > this.#openUntilMs) {
      this.#openUntilMs = untilMs;
      this.#openedBy = by;
    }
    const wasAsked = by === "cools_down" || by === "long_cool_down";
    if (wasAsked) this.#notBeforeMs = Math.max(this.#notBeforeMs, untilMs);
    this.#openedAtMs = nowMs;
    this.#become("open");
  }

  #close(): void {
    this.#failuresInARow = 0;
    this.#calls.clear();
    this.#failures.clear();
    this.#become("closed");
  }

  #become(state: BreakerState): void {
    const from = this.#state;
    this.#state = state;
    this.#epoch += 1;
    if (from !== state) this.#onChange(from, state);
  }
}
