/** What this process knows of every target: its breaker and how long its answers take. */

import type { ProviderErrorDetails, ProviderFailure } from "../providers/provider-error.ts";
import { PRESETS } from "../routing/presets.ts";
import type { BreakerConfig, ModelTarget, TargetState } from "../routing/types.ts";
import { targetKey } from "../routing/types.ts";
import { Breaker, type BreakerState, type Ticket } from "./breaker.ts";
import { Bulkhead } from "./bulkhead.ts";
import { FAILURE_POLICY } from "./failure-policy.ts";
import { LatencySamples } from "./latency-samples.ts";

export type BreakerChange = Readonly<{ target: ModelTarget; from: BreakerState; to: BreakerState }>;

/** New latencies show in the snapshot at most this much later; a breaker's change shows at once. */
const LATENCY_LAG_MS = 1_000;
/** How long a median may stand while nothing new comes in. */
const SNAPSHOT_AGE_MS = 60_000;
/** A server of one's own takes any model's name, so callers could make up ever more targets: at 16 KiB each, 8 MiB. */
const MOST_TARGETS = 512;

type Entry = {
  readonly target: ModelTarget;
  readonly breaker: Breaker;
  /** Of whole answers. */
  readonly latency: LatencySamples;
  /** Of first tokens, also of answers that broke off later. */
  readonly ttft: LatencySamples;
  lastAskedMs: number;
};

/**
 * Leave to make one attempt at one target. Ends with the first of succeeded, failed, outpaced and release; the rest do
 * nothing.
 */
export class Permit {
  readonly #entry: Entry;
  readonly #ticket: Ticket;
  readonly #nowMs: () => number;
  readonly #onSample: () => void;
  readonly #bulkhead: Bulkhead;
  #ended = false;
  #hasFirstToken = false;

  constructor(entry: Entry, ticket: Ticket, nowMs: () => number, onSample: () => void, bulkhead: Bulkhead) {
    this.#entry = entry;
    this.#ticket = ticket;
    this.#nowMs = nowMs;
    this.#onSample = onSample;
    this.#bulkhead = bulkhead;
    bulkhead.enter(entry.target.provider);
  }

  /** @param ttftMs from the start of the attempt */
  firstToken(ttftMs: number): void {
    if (this.#ended) return;
    this.#entry.breaker.firstToken(this.#ticket);
    this.#noteFirstToken(ttftMs);
  }

  succeeded(latencyMs: number): void {
    if (!this.#end()) return;
    const nowMs = this.#nowMs();
    this.#entry.breaker.succeeded(this.#ticket, nowMs);
    this.#entry.latency.add(latencyMs, nowMs);
    this.#onSample();
  }

  failed(failure: ProviderFailure, details: ProviderErrorDetails): void {
    if (!this.#end()) return;
    const effect = FAILURE_POLICY[failure].breaker;
    this.#entry.breaker.failed(this.#ticket, effect, details.retryAfterMs, this.#nowMs());
  }

  /** No verdict: the attempt was cancelled, ran out of the caller's time, or never began. */
  release(): void {
    if (this.#end()) this.#entry.breaker.released(this.#ticket, this.#nowMs());
  }

  /**
   * No verdict either: the attempt beside it answered first. That its first token would have taken longer than this is a
   * sample all the same: without the slow ones the 95th percentile would sink, and ever more calls would pass for late.
   */
  outpaced(waitedMs: number): void {
    if (!this.#ended && !this.#hasFirstToken) this.#noteFirstToken(waitedMs);
    this.release();
  }

  #noteFirstToken(ttftMs: number): void {
    this.#hasFirstToken = true;
    this.#entry.ttft.add(ttftMs, this.#nowMs());
    this.#onSample();
  }

  #end(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.#bulkhead.leave(this.#entry.target.provider);
    return true;
  }
}

export class TargetHealth {
  readonly #nowMs: () => number;
  readonly #onBreaker: (change: BreakerChange) => void;
  readonly #breakerConfig: () => BreakerConfig;
  readonly #bulkhead: Bulkhead;
  readonly #entries = new Map<string, Entry>();
  #states: ReadonlyMap<string, TargetState> = new Map();
  #builtAtMs = 0;
  #rebuildAtMs = 0;

  /** @param nowMs a monotonic clock, in ms @param breakerConfig the one in force, read at every verdict */
  constructor(
    nowMs: () => number,
    onBreaker: (change: BreakerChange) => void = () => {},
    breakerConfig: () => BreakerConfig = () => PRESETS.classic.breaker,
    bulkhead = new Bulkhead(),
  ) {
    this.#nowMs = nowMs;
    this.#onBreaker = onBreaker;
    this.#breakerConfig = breakerConfig;
    this.#bulkhead = bulkhead;
  }

  /** Leave to make one attempt, or undefined when the target is to be left alone. */
  acquire(target: ModelTarget): Permit | undefined {
    if (!this.#bulkhead.hasRoom(target.provider)) return undefined;
    const entry = this.#entry(target);
    entry.lastAskedMs = this.#nowMs();
    const ticket = entry.breaker.acquire(entry.lastAskedMs);
    return ticket && new Permit(entry, ticket, this.#nowMs, this.#noteSample, this.#bulkhead);
  }

  /** Whether as many attempts are under way at a provider as may be; counts it where they are. */
  readonly isFull = (provider: string): boolean => !this.#bulkhead.hasRoom(provider);

  /** In ms until the target may be tried; 0 now, Infinity when time alone does not help. */
  waitMs(target: ModelTarget): number {
    return this.#entries.get(targetKey(target))?.breaker.waitMs(this.#nowMs()) ?? 0;
  }

  /** In ms until the first of the targets may be tried; undefined when that is now or never. */
  findRetryAfterMs(targets: readonly ModelTarget[]): number | undefined {
    const soonestMs = Math.min(...targets.map((target) => this.waitMs(target)));
    return soonestMs > 0 && Number.isFinite(soonestMs) ? Math.ceil(soonestMs) : undefined;
  }

  /** Panic routing: nothing else is left, so an open target may be probed early, at most once a second. */
  hurry(target: ModelTarget): boolean {
    const isHurried = this.#entry(target).breaker.hurry(this.#nowMs());
    if (isHurried) this.#rebuildAtMs = 0;
    return isHurried;
  }

  /** To be called when keys or configuration change: parked targets and those out of quota are tried again. */
  reset(): void {
    for (const entry of this.#entries.values()) entry.breaker.reset();
  }

  /** What a router needs to know, by `targetKey`. The same map until something changes, so it costs little to ask. */
  states(): ReadonlyMap<string, TargetState> {
    const nowMs = this.#nowMs();
    if (nowMs >= this.#rebuildAtMs) this.#rebuild(nowMs);
    return this.#states;
  }

  #rebuild(nowMs: number): void {
    const states = new Map<string, TargetState>();
    this.#builtAtMs = nowMs;
    this.#rebuildAtMs = nowMs + SNAPSHOT_AGE_MS;
    for (const [key, { breaker, latency, ttft }] of this.#entries) {
      const { calls, p50Ms } = latency.summary(nowMs);
      const { p95Ms } = ttft.summary(nowMs);
      const state = breaker.stateFor(nowMs);
      states.set(key, {
        breaker: state,
        calls,
        ...(p50Ms === undefined ? {} : { latencyP50Ms: p50Ms }),
        ...(p95Ms === undefined ? {} : { ttftP95Ms: p95Ms }),
      });
      if (state === "open") this.#rebuildBy(nowMs + breaker.waitMs(nowMs));
    }
    this.#states = states;
  }

  #rebuildBy(atMs: number): void {
    this.#rebuildAtMs = Math.min(this.#rebuildAtMs, atMs);
  }

  readonly #noteSample = (): void => this.#rebuildBy(this.#builtAtMs + LATENCY_LAG_MS);

  #entry(target: ModelTarget): Entry {
    const key = targetKey(target);
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    const own = { provider: target.provider, model: target.model };
    const breaker = new Breaker((from, to) => {
      this.#rebuildAtMs = 0;
      this.#onBreaker({ target: own, from, to });
    }, this.#breakerConfig);
    if (this.#entries.size >= MOST_TARGETS) this.#forgetOne();
    const lastAskedMs = this.#nowMs();
    const entry = {
      target: own,
      breaker,
      latency: new LatencySamples(),
      ttft: new LatencySamples(),
      lastAskedMs,
    };
    this.#entries.set(key, entry);
    this.#rebuildAtMs = 0;
    return entry;
  }

  /** The one that was asked longest ago; attempts of it that are under way end as they would have. */
  #forgetOne(): void {
    const [oldest] = [...this.#entries].sort(([, one], [, other]) => one.lastAskedMs - other.lastAskedMs);
    if (oldest !== undefined) this.#entries.delete(oldest[0]);
  }
}
