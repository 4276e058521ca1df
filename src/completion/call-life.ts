/** What ends a call from outside: its caller goes away, or its time is up. */
import type { EngineClock } from "./call.ts";

export type StopKind = "cancelled" | "deadline_exceeded";

const LONGEST_TIMEOUT_MS = 900_000;
/** A caller or a listener that watches the same deadline may hang up a little before our own timer. */
const DEADLINE_SLACK_MS = 20;

export class CallLife {
  readonly deadlineAtMs: number;
  /** Set once it is stopped. */
  stopped: StopKind | undefined;
  readonly #signal: AbortSignal;
  readonly #clock: EngineClock;
  readonly #onStop: (kind: StopKind) => void;
  readonly #deadlineTimer: NodeJS.Timeout;
  #wake: () => void = () => {};

  /**
   * @param timeoutMs what the call has, from now; more than 900,000 is cut to that
   * @param onStop called at most once, in the tick in which it stops; never from here
   */
  constructor(signal: AbortSignal, timeoutMs: number, clock: EngineClock, onStop: (kind: StopKind) => void) {
    const givenMs = Math.max(0, Math.min(timeoutMs, LONGEST_TIMEOUT_MS));
    this.#signal = signal;
    this.#clock = clock;
    this.#onStop = onStop;
    this.deadlineAtMs = clock.nowMs() + givenMs;
    this.#deadlineTimer = setTimeout(() => this.#stop("deadline_exceeded"), Math.ceil(givenMs));
    signal.addEventListener("abort", this.#cancelled);
    if (givenMs === 0) this.stopped = "deadline_exceeded";
    if (signal.aborted) this.stopped = "cancelled";
  }

  /** Resolves after the wait, never before; early only when the call is stopped. */
  async wait(waitMs: number): Promise<void> {
    const untilMs = this.#clock.nowMs() + waitMs;
    for (
      let leftMs = waitMs;
      leftMs > 0 && this.stopped === undefined;
      leftMs = untilMs - this.#clock.nowMs()
    ) {
      await this.#sleep(Math.ceil(leftMs));
    }
  }

  /** Lets go of the caller's signal and the timer. */
  end(): void {
    clearTimeout(this.#deadlineTimer);
    this.#signal.removeEventListener("abort", this.#cancelled);
  }

  #sleep(sleepMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, sleepMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  readonly #cancelled = (): void => {
    const isOnTime = this.#clock.nowMs() < this.deadlineAtMs - DEADLINE_SLACK_MS;
    this.#stop(isOnTime ? "cancelled" : "deadline_exceeded");
  };

  #stop(kind: StopKind): void {
    if (this.stopped !== undefined) return;
    this.stopped = kind;
    this.end();
    this.#onStop(kind);
    this.#wake();
  }
}
