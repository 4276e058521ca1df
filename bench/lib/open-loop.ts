/**
 * Load at a fixed rate by a schedule made in advance. Each request has its time; its latency counts from that time, also when
 * it could only be sent later. A slow answer so delays nobody else's start, and its delay is never left out of the figures,
 * which is what coordinated omission is.
 */
import { setTimeout as sleep } from "node:timers/promises";

export type Clock = Readonly<{ nowMs(): number; sleepMs(ms: number): Promise<unknown> }>;

const WALL: Clock = { nowMs: () => performance.now(), sleepMs: (ms) => sleep(ms) };

export type OpenLoop = Readonly<{
  perSecond: number;
  requests: number;
  /** Resolves at the moment that counts: the first token, or the end. Rejects when there is no answer. */
  ask: () => Promise<void>;
}>;

/** @returns latencies in ms in the order of the schedule. @throws what the first failing request threw */
export async function openLoop(
  { perSecond, requests, ask }: OpenLoop,
  clock = WALL,
): Promise<readonly number[]> {
  const startMs = clock.nowMs();
  const running: Promise<number>[] = [];
  for (let index = 0; index < requests; index += 1) {
    const dueMs = startMs + (index * 1_000) / perSecond;
    const waitMs = dueMs - clock.nowMs();
    if (waitMs > 0) await clock.sleepMs(waitMs);
    const asked = ask().then(() => clock.nowMs() - dueMs);
    asked.catch(() => undefined); // reported below, with the others
    running.push(asked);
  }
  return Promise.all(running);
}
