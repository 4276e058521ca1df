/** What ends a call from outside: its caller goes away, or its time is up. */
import type { EngineClock } from "./call.ts";

export type StopKind = "cancelled" | "deadline_exceeded";

const LONGEST_TIMEOUT_MS = 900_000;
/**
 * A caller or a listener that watches the same deadline may hang up before our own timer, which began when the call was read:
 * by so much later as the process was busy then. A tenth of the time given, within these bounds, in ms.
 */
const DEADLINE_SLACK_MS = { least: 20, most: 100 };

export class CallLife {
  readonly deadlineAtMs: number;
  /** A caller that goes away from then on has waited its time out. */
  readonly #timeUpFromMs: number;
  /** Set once it is stopped. */
  stopped: StopKind | undefined;
  readonly #signal: AbortSignal;
  readonly #clock: EngineClock;
  readonly #onStop: (kind: StopKind) => void;
  readonly #deadlineTimer: NodeJS.Timeout;
  #wake: () => void = () => {};

  /**
   * @param timeoutMs what the call is given, from now; more than 900,000 is cut to that
   * @param onStop called at most once, in the tick in which it stops; never from here
   */
  constructor(signal: AbortSignal, timeoutMs: number, clock: EngineClock, onStop: (kind: StopKind) => void) {
    const givenMs = Math.max(0, Math.min(timeoutMs, LONGEST_TIMEOUT_MS));
    this.#signal = signal;
    this.#clock = clock;
    this.#onStop = onStop;
    this.deadlineAtMs = clock.nowMs() + givenMs;
    const slackMs = Math.max(DEADLINE_SLACK_MS.least, Math.min(givenMs / 10, DEADLINE_SLACK_MS.most));
    this.#timeUpFromMs = this.deadlineAtMs - slackMs;
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
    this.#stop(this.#clock.nowMs() < this.#timeUpFromMs ? "cancelled" : "deadline_exceeded");
  };

  #stop(kind: StopKind): void {
    if (this.stopped !== undefined) return;
    this.stopped = kind;
    this.end();
    this.#onStop(kind);
    this.#wake();
  }
}
