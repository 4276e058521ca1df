/**
 * The four limits of one attempt on one timer. What happens only writes down when it happened; the timer is set for the
 * earliest limit, and when it fires early, because something happened since, it is set again for what is left. So a token
 * costs an assignment, not a timer.
 *
 * A timer that is late looks at its limit once what has arrived is read: a process that stood still, on a machine that was suspended or
 * is short of time, finds its timers due and the answer waiting, and the provider has done nothing wrong.
 *
 * Only the time spent waiting for the provider counts. While the caller holds the engine up nothing is read upstream,
 * and a silence of the caller's making is not the provider's.
 */
import type { AttemptTimers } from "../routing/types.ts";

export type TimerFailure = "header_timeout" | "first_token_timeout" | "byte_silence" | "content_silence";
type Limit = Readonly<{ atMs: number; failure: TimerFailure }>;

export class AttemptClock {
  readonly #timers: AttemptTimers;
  readonly #nowMs: () => number;
  readonly #onExpired: (failure: TimerFailure) => void;
  readonly startedMs: number;
  #headersCame = false;
  #headersMs: number | undefined;
  #firstTokenMs: number | undefined;
  #lastBytesMs = 0;
  #lastContentMs = 0;
  #heldSinceMs: number | undefined;
  #heldMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #timerAtMs = 0;
  #stopped = false;

  constructor(timers: AttemptTimers, nowMs: () => number, onExpired: (failure: TimerFailure) => void) {
    this.#timers = timers;
    this.#nowMs = nowMs;
    this.#onExpired = onExpired;
    this.startedMs = nowMs();
    this.#arm(this.startedMs);
  }

  /** In ms from the start; undefined while no content came. */
  get ttftMs(): number | undefined {
    return this.#firstTokenMs === undefined ? undefined : this.#firstTokenMs - this.startedMs;
  }

  /** Until the response's headers, in ms from the start; undefined while they have not been told of. */
  get headersMs(): number | undefined {
    return this.#headersMs;
  }

  /** Time the provider took so far, in ms; what the caller held up is not in it. */
  latencyMs(nowMs: number): number {
    const heldNowMs = this.#heldSinceMs === undefined ? 0 : nowMs - this.#heldSinceMs;
    return Math.max(0, nowMs - this.startedMs - this.#heldMs - heldNowMs);
  }

  headers(): void {
    this.#headersCame = true;
    this.#headersMs ??= this.#nowMs() - this.startedMs;
  }

  bytes(): void {
    this.#headersCame = true;
    this.#lastBytesMs = this.#nowMs();
  }

  content(nowMs: number): void {
    this.#headersCame = true;
    this.#lastBytesMs = nowMs;
    this.#lastContentMs = nowMs;
    if (this.#firstTokenMs !== undefined) return;
    this.#firstTokenMs = nowMs;
    // The one moment at which the next limit can be nearer than the last: a long wait for a first token is over.
    if (this.#limit().atMs < this.#timerAtMs) this.#arm(nowMs);
  }

  /** What came is being handed on: until `release` the limits stand still. */
  hold(nowMs: number): void {
    this.#heldSinceMs = nowMs;
  }

  release(nowMs: number): void {
    if (this.#heldSinceMs === undefined || this.#stopped) return;
    const heldMs = nowMs - this.#heldSinceMs;
    this.#heldSinceMs = undefined;
    this.#heldMs += heldMs;
    this.#lastBytesMs += heldMs;
    this.#lastContentMs += heldMs;
    if (this.#timer === undefined) this.#arm(nowMs);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #limit(): Limit {
    const { headersMs, firstTokenMs, byteSilenceMs, contentSilenceMs } = this.#timers;
    if (this.#firstTokenMs === undefined) {
      return this.#headersCame
        ? { atMs: this.startedMs + firstTokenMs, failure: "first_token_timeout" }
        : { atMs: this.startedMs + Math.min(headersMs, firstTokenMs), failure: "header_timeout" };
    }
    const bytesAtMs = this.#lastBytesMs + byteSilenceMs;
    const contentAtMs = this.#lastContentMs + contentSilenceMs;
    return bytesAtMs <= contentAtMs
      ? { atMs: bytesAtMs, failure: "byte_silence" }
      : { atMs: contentAtMs, failure: "content_silence" };
  }

  #arm(nowMs: number): void {
    clearTimeout(this.#timer);
    this.#timerAtMs = this.#limit().atMs;
    this.#timer = setTimeout(this.#fired, Math.max(1, Math.ceil(this.#timerAtMs - nowMs)));
  }

  readonly #fired = (): void => {
    this.#timer = undefined;
    if (this.#nowMs() > this.#limit().atMs) setImmediate(this.#look);
    else this.#look();
  };

  readonly #look = (): void => {
    if (this.#stopped || this.#heldSinceMs !== undefined) return; // `release` sets the timer again
    const nowMs = this.#nowMs();
    const limit = this.#limit();
    if (nowMs >= limit.atMs) this.#onExpired(limit.failure);
    else this.#arm(nowMs);
  };
}
