/** Plays the items of an exchange to the client at a token rate, waits for slow readers, and stops at once. */
import type { ServerResponse } from "node:http";
import type { Bytes, Playable, Silent } from "./items.ts";

export type Pace = Readonly<{
  /** Tokens per second of one answer; Infinity: as fast as the client reads. */
  tokensPerSecond: number;
  /** Tokens that come together. */
  burst: number;
}>;

export type PlayerEvents = Readonly<{
  /** The status line and headers are about to be sent; called before the first byte. */
  onHeaders(): void;
  /** A token was generated or bytes were handed to the socket. */
  onPlayed(item: Bytes | Silent): void;
  /** Nothing follows. `whole`: the body ended as it should; `cut`: it was broken off. */
  onEnd(how: "whole" | "cut"): void;
}>;

/** One timer at a time; below this the tokens of several periods come together. */
const SHORTEST_TURN_MS = 5;
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** Tokens of one turn at an infinite rate: other exchanges get theirs in between. */
const UNPACED_TURN_TOKENS = 512;

/** Characters or bytes that wait to be handed to the socket: what a turn has beyond them waits for a client that reads. */
const MOST_PENDING = 64 * 1024;

type Turn = Readonly<{ tokens: number; everyMs: number }>;

export function turnFor({ tokensPerSecond, burst }: Pace): Turn {
  if (tokensPerSecond === Number.POSITIVE_INFINITY) return { tokens: UNPACED_TURN_TOKENS, everyMs: 0 };
  const tokens = Math.max(burst, Math.ceil((tokensPerSecond * SHORTEST_TURN_MS) / 1000));
  return { tokens, everyMs: (tokens * 1000) / tokensPerSecond };
}

export class Player {
  readonly #items: Iterator<Playable>;
  readonly #response: ServerResponse;
  readonly #events: PlayerEvents;
  readonly #turn: Turn;
  #pending: (string | Uint8Array)[] = [];
  #pendingLength = 0;
  #cancelWait: () => void = () => {};
  #nextAtMs = 0;
  #stopped = false;

  constructor(items: Iterable<Playable>, response: ServerResponse, pace: Pace, events: PlayerEvents) {
    this.#items = items[Symbol.iterator]();
    this.#response = response;
    this.#events = events;
    this.#turn = turnFor(pace);
  }

  start(): void {
    this.#nextAtMs = performance.now();
    this.#play();
  }

  /** Plays nothing more; safe to call at any time. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#cancelWait();
    this.#items.return?.();
  }

  /** @param left tokens of this turn */
  #play(left = this.#turn.tokens): void {
    while (left > 0) {
      const next = this.#items.next();
      if (next.done === true) {
        this.#end("whole");
        return;
      }
      const item = next.value;
      if (item.kind === "bytes" || item.kind === "silent") {
        this.#events.onPlayed(item);
        left -= item.generated;
        if (item.kind === "bytes") this.#pend(item.bytes);
        if (this.#pendingLength >= MOST_PENDING) {
          this.#flush(() => this.#play(left));
          return;
        }
      } else if (this.#control(item)) return;
    }
    this.#flush(() => this.#waitForTurn());
  }

  /** Whether the turn is over. */
  #control(item: Exclude<Playable, Bytes | Silent>): boolean {
    switch (item.kind) {
      case "headers":
        this.#sendHeaders();
        this.#response.flushHeaders();
        return false;
      case "pause":
        this.#flush(() => this.#pause(item.ms));
        return true;
      case "hang":
        this.#flush(() => {});
        return true;
      case "truncate":
        this.#end("cut");
        return true;
      case "reset":
        this.#reset();
        return true;
    }
  }

  #sendHeaders(): void {
    if (!this.#response.headersSent) this.#events.onHeaders();
  }

  #pend(bytes: string | Uint8Array): void {
    if (bytes.length === 0) return;
    this.#pending.push(bytes);
    this.#pendingLength += bytes.length;
  }

  #takePending(): string | Uint8Array | undefined {
    const pending = this.#pending;
    this.#pending = [];
    this.#pendingLength = 0;
    if (pending.length <= 1) return pending[0];
    if (pending.every((bytes) => typeof bytes === "string")) return pending.join("");
    return Buffer.concat(pending.map((bytes) => Buffer.from(bytes)));
  }

  /** Hands what is pending to the socket and goes on when the socket takes more. */
  #flush(then: () => void): void {
    const bytes = this.#takePending();
    if (bytes !== undefined) this.#sendHeaders();
    if (bytes === undefined || this.#response.write(bytes)) then();
    else {
      this.#response.once("drain", then);
      this.#cancelWait = () => this.#response.off("drain", then);
    }
  }

  /** Turns keep their own clock, so that late timers do not slow the rate; more than one late turn is not made up for. */
  #waitForTurn(): void {
    const { everyMs } = this.#turn;
    if (everyMs === 0) {
      const handle = setImmediate(() => this.#play());
      this.#cancelWait = () => clearImmediate(handle);
      return;
    }
    const now = performance.now();
    this.#nextAtMs = Math.max(this.#nextAtMs + everyMs, now - everyMs);
    this.#after(this.#nextAtMs - now, () => this.#play());
  }

  #pause(ms: number): void {
    this.#after(ms, () => {
      this.#nextAtMs = performance.now();
      this.#play();
    });
  }

  #after(ms: number, then: () => void): void {
    const handle = setTimeout(then, Math.min(Math.max(0, ms), LONGEST_TIMER_MS));
    this.#cancelWait = () => clearTimeout(handle);
  }

  #end(how: "whole" | "cut"): void {
    this.stop();
    this.#sendHeaders();
    this.#response.once("finish", () => this.#events.onEnd(how));
    this.#response.end(this.#takePending());
  }

  /** RST, once what was written before has left. */
  #reset(): void {
    this.stop();
    const bytes = this.#takePending();
    const socket = this.#response.socket;
    const destroy = (): void => {
      this.#events.onEnd("cut");
      socket?.resetAndDestroy();
    };
    if (bytes === undefined) destroy();
    else {
      this.#sendHeaders();
      this.#response.write(bytes, destroy);
    }
  }
}
