/** Which calls are taken while the service is short of something. One for all doors; what is not short costs a few comparisons. */
import { type OverloadCause, OverloadError } from "./overload-error.ts";
import type { Pressure } from "./pressure.ts";

/** No call waits longer for room, in ms. */
const MOST_WAIT_MS = 100;
/** While the service is overloaded: long enough for a place that is left just then, and a refusal is heard soon. */
const MOST_WAIT_OVERLOADED_MS = 10;
/** How long one call that waited in vain shortens the waiting of others, in ms. */
const OVERLOADED_MS = 1_000;
/** Calls that wait at a time, if room comes for that many; the one that has waited longest makes room. */
const MOST_WAITING = 1_000;
const LEAST_RETRY_MS = 250;
const MOST_RETRY_MS = 1_000;
/** Weight of the call that left last in how long calls stay. */
const STAY_WEIGHT = 0.1;
/** With fewer calls in flight a late loop is not their doing, and refusing more would not help it. */
const FEW_CALLS = 16;

export type AdmissionLimits = Readonly<{
  /** Calls in flight, those that wait for providers included. */
  calls: number;
  /** Of the requests in flight, together. */
  bytes: number;
}>;

export type AdmissionParts = Readonly<{
  limits: AdmissionLimits;
  pressure(): Pressure;
  /** Monotonic. */
  nowMs(): number;
  random(): number;
  onRefusal?(cause: OverloadCause): void;
  onWait?(waitedMs: number): void;
}>;

type Waiter = Readonly<{
  key: string;
  bytes: number;
  short: OverloadCause;
  sinceMs: number;
  timer: NodeJS.Timeout;
  resolve(place: Place): void;
  reject(error: OverloadError): void;
}>;

/** Of a call that was taken. Leave it once the call is over; leaving twice is leaving once. */
export class Place {
  readonly #admission: Admission;
  readonly key: string;
  readonly bytes: number;
  readonly sinceMs: number;
  #isLeft = false;

  constructor(admission: Admission, key: string, bytes: number, sinceMs: number) {
    this.#admission = admission;
    this.key = key;
    this.bytes = bytes;
    this.sinceMs = sinceMs;
  }

  leave(): void {
    if (this.#isLeft) return;
    this.#isLeft = true;
    this.#admission.left(this);
  }
}

export class Admission {
  readonly #parts: AdmissionParts;
  readonly #callsOf = new Map<string, number>();
  #calls = 0;
  #bytes = 0;
  /** The newest is last, and is taken first: under overload the oldest is the one whose caller gives up soonest. */
  readonly #waiting: Waiter[] = [];
  /** How long calls stay, on average; 0 until the first has left. */
  #stayMs = 0;
  #overloadedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
  }

  get calls(): number {
    return this.#calls;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * A place, at once where there is room; else a promise of one that is kept or broken within 100 ms.
   * @param key whose call it is @param bytes of its request @param leftMs until its deadline; absent: it has none
   * @throws OverloadError at once, when waiting would not help
   */
  enter(key: string, bytes: number, leftMs = Number.POSITIVE_INFINITY): Place | Promise<Place> {
    const pressed = this.#findPressure(key);
    if (pressed !== undefined) throw this.#refusal(pressed);
    const short = this.#findShortage(bytes);
    if (short === undefined) return this.#take(key, bytes);
    const mostMs = this.#mostWaitMs();
    if (this.#roomWithin(mostMs) < 1) this.#noteOverload();
    const isHopeless =
      leftMs <= 0 || this.#roomWithin(Math.min(mostMs, leftMs)) < 1 || bytes > this.#parts.limits.bytes;
    if (isHopeless || this.#holdsMoreThanItsShare(key)) throw this.#refusal(short);
    return this.#wait(key, bytes, leftMs, short);
  }

  /** Called by places. */
  left({ key, bytes, sinceMs }: Place): void {
    this.#noteStay(this.#parts.nowMs() - sinceMs);
    this.#calls -= 1;
    this.#bytes -= bytes;
    const ofKey = (this.#callsOf.get(key) ?? 1) - 1;
    if (ofKey === 0) this.#callsOf.delete(key);
    else this.#callsOf.set(key, ofKey);
    if (this.#waiting.length > 0) this.#takeWaiting();
  }

  #findPressure(key: string): OverloadCause | undefined {
    const pressure = this.#parts.pressure();
    if (pressure === "none") return undefined;
    if (pressure === "heap") return "heap";
    if (this.#calls < FEW_CALLS) return undefined;
    return pressure === "very_late" || this.#holdsItsShare(key) ? "lag" : undefined;
  }

  #findShortage(bytes: number): OverloadCause | undefined {
    const { limits } = this.#parts;
    if (this.#calls >= limits.calls) return "calls";
    return this.#bytes + bytes > limits.bytes ? "bytes" : undefined;
  }

  /** An equal part of the calls in flight, for everybody who has any. */
  #holdsItsShare(key: string): boolean {
    const own = this.#callsOf.get(key) ?? 0;
    return own > 0 && own * this.#callsOf.size >= this.#calls;
  }

  /** Of several: whoever is alone has nobody to make room for. */
  #holdsMoreThanItsShare(key: string): boolean {
    return (this.#callsOf.get(key) ?? 0) * this.#callsOf.size > this.#calls;
  }

  #take(key: string, bytes: number): Place {
    this.#calls += 1;
    this.#bytes += bytes;
    this.#callsOf.set(key, (this.#callsOf.get(key) ?? 0) + 1);
    return new Place(this, key, bytes, this.#parts.nowMs());
  }

  #wait(key: string, bytes: number, leftMs: number, short: OverloadCause): Promise<Place> {
    const mostMs = this.#mostWaitMs();
    const mostWaiting = Math.min(MOST_WAITING, this.#roomWithin(mostMs));
    if (this.#waiting.length >= mostWaiting) this.#waitedInVain(this.#waiting[0] as Waiter);
    return new Promise((resolve, reject) => {
      const giveUp = () => (leftMs < mostMs ? this.#giveUp(waiter) : this.#waitedInVain(waiter));
      const timer = setTimeout(giveUp, Math.min(mostMs, leftMs));
      const waiter: Waiter = { key, bytes, short, sinceMs: this.#parts.nowMs(), timer, resolve, reject };
      this.#waiting.push(waiter);
    });
  }

  /** Speaks for those who came with it: all who have waited longer than one may from now on give up too. */
  #waitedInVain(waiter: Waiter): void {
    this.#noteOverload();
    this.#giveUp(waiter);
    const nowMs = this.#parts.nowMs();
    const isTooOld = ({ sinceMs }: Waiter) => nowMs - sinceMs >= MOST_WAIT_OVERLOADED_MS;
    for (const other of this.#waiting.filter(isTooOld)) this.#giveUp(other);
  }

  #giveUp(waiter: Waiter): void {
    this.#remove(this.#waiting.indexOf(waiter));
    waiter.reject(this.#refusal(waiter.short));
  }

  #takeWaiting(): void {
    for (let index = this.#findNext(); index >= 0; index = this.#findNext()) {
      const waiter = this.#waiting[index] as Waiter;
      this.#remove(index);
      this.#parts.onWait?.(this.#parts.nowMs() - waiter.sinceMs);
      waiter.resolve(this.#take(waiter.key, waiter.bytes));
    }
  }

  /** Of those for whom there is room, one whose key has the fewest calls in flight; of several the newest. -1: nobody. */
  #findNext(): number {
    let found = -1;
    let fewest = Number.POSITIVE_INFINITY;
    if (this.#calls >= this.#parts.limits.calls) return found;
    for (let index = this.#waiting.length - 1; index >= 0; index -= 1) {
      const { key, bytes } = this.#waiting[index] as Waiter;
      const calls = this.#callsOf.get(key) ?? 0;
      if (calls >= fewest || this.#findShortage(bytes) !== undefined) continue;
      found = index;
      fewest = calls;
    }
    return found;
  }

  #remove(index: number): void {
    const [waiter] = this.#waiting.splice(index, 1);
    if (waiter !== undefined) clearTimeout(waiter.timer);
  }

  #noteOverload(): void {
    this.#overloadedUntilMs = this.#parts.nowMs() + OVERLOADED_MS;
  }

  #mostWaitMs(): number {
    return this.#parts.nowMs() < this.#overloadedUntilMs ? MOST_WAIT_OVERLOADED_MS : MOST_WAIT_MS;
  }

  /** For how many calls there will be room, by how many are in flight and how long they stay (Little's law). Infinite: unknown. */
  #roomWithin(ms: number): number {
    return this.#stayMs === 0 ? Number.POSITIVE_INFINITY : (ms * this.#calls) / this.#stayMs;
  }

  #noteStay(ms: number): void {
    this.#stayMs = this.#stayMs === 0 ? ms : this.#stayMs + STAY_WEIGHT * (ms - this.#stayMs);
  }

  #refusal(cause: OverloadCause): OverloadError {
    this.#parts.onRefusal?.(cause);
    const retryAfterMs = LEAST_RETRY_MS + this.#parts.random() * (MOST_RETRY_MS - LEAST_RETRY_MS);
    return new OverloadError(cause, Math.ceil(retryAfterMs));
  }
}
