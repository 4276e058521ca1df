/**
 * What the providers' prompt caches hold of each session, by what its last call at a target reported: tokens read from the
 * cache and tokens written to it. A provider that caches by itself says nothing of a first call, so such a target is warm
 * from the second on. Kept in this process alone: after a restart, or on another replica, a session is not known.
 */
import { targetKey, type WarmCache } from "../routing/types.ts";
import type { AttemptRecord, ExecutionRecord } from "../store/records.ts";

/** The shortest that any of the providers keeps a prefix nobody uses. A guess too long would pay for nothing. */
const WARM_FOR_MS = 300_000;
const MOST_SESSIONS = 10_000;
/** A session that names many models does not get more room than others. */
const MOST_TARGETS = 8;

type Entry = WarmCache & Readonly<{ untilMs: number }>;

export class WarmSessions {
  readonly #nowMs: () => number;
  /** By session, then by `targetKey`; those that were used last stand last. */
  readonly #sessions = new Map<string, Map<string, Entry>>();

  /** @param nowMs a monotonic clock, in ms */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Takes in what a call's successful attempts reported. */
  note({ sessionId, attempts }: Pick<ExecutionRecord, "sessionId" | "attempts">): void {
    if (sessionId === "") return;
    for (const attempt of attempts) {
      if (attempt.outcome === "ok" && attempt.usageSource === "REPORTED") this.#note(sessionId, attempt);
    }
  }

  /** What is cached of a session, by `targetKey`; undefined when nothing is. */
  find(sessionId: string): ReadonlyMap<string, WarmCache> | undefined {
    const targets = sessionId === "" ? undefined : this.#sessions.get(sessionId);
    if (targets === undefined) return undefined;
    const nowMs = this.#nowMs();
    const warm = new Map<string, WarmCache>();
    for (const [key, { tokens, tier, untilMs }] of targets) {
      if (nowMs < untilMs) warm.set(key, { tokens, tier });
    }
    return warm.size === 0 ? undefined : warm;
  }

  #note(sessionId: string, { target, tier, tokens, latencyMs }: AttemptRecord): void {
    const targets = this.#sessions.get(sessionId) ?? new Map<string, Entry>();
    const key = targetKey(target);
    const cachedTokens = tokens.cachedInputTokens + tokens.cacheWriteTokens;
    targets.delete(key);
    if (cachedTokens > 0) {
      const untilMs = this.#nowMs() - latencyMs + WARM_FOR_MS;
      targets.set(key, { tokens: cachedTokens, tier, untilMs });
    }
    dropOldest(targets, MOST_TARGETS);
    this.#sessions.delete(sessionId);
    if (targets.size > 0) this.#sessions.set(sessionId, targets);
    dropOldest(this.#sessions, MOST_SESSIONS);
  }
}

/** A map gives its keys in the order they were set. */
function dropOldest(map: Map<string, unknown>, most: number): void {
  const [oldest] = map.size > most ? map.keys() : [];
  if (oldest !== undefined) map.delete(oldest);
}
