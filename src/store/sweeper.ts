/** Does what is to be done now and then, a little at a time; most often: deletes what is no longer wanted. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../telemetry/log.ts";
import { failureFields } from "./failure.ts";
import { isWorthALine } from "./retry.ts";

export type SweeperOptions = Readonly<{
  /** Does some. @returns whether more may be left */
  doSome(): Promise<boolean>;
  /** What is said when that fails; the next sweep tries again. */
  complaint: string;
  log: Log;
  /** In [0, 1); keeps replicas from sweeping in step. */
  random: () => number;
  /** Between two sweeps, half of it random. */
  intervalMs: number;
  /** Before the first sweep, half of it random; absent: as between two. */
  firstMs?: number;
  /** Between two parts of one sweep, half of it random, so that others get their turn; absent: none. */
  pauseMs?: number;
}>;

/** Sweeps now and then until it is stopped. Its timers keep no process alive. */
export function startSweeper(options: SweeperOptions): Readonly<{ stop(): void }> {
  const { doSome, complaint, log, random, intervalMs, firstMs = intervalMs, pauseMs = 0 } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const wait = (ms: number): Promise<void> =>
    sleep((ms * (1 + random())) / 2, undefined, { signal, ref: false }).catch(() => undefined);

  async function sweep(): Promise<void> {
    try {
      while (!signal.aborted && (await doSome())) await wait(pauseMs);
    } catch (error) {
      if (!signal.aborted) log.warn(complaint, failureFields(error));
    }
  }

  async function run(): Promise<void> {
    for (await wait(firstMs); !signal.aborted; await wait(intervalMs)) await sweep();
  }

  void run();
  return { stop: () => stopping.abort() };
}

/** While the database is away, a failure every few seconds is no news: it is said after one, two, four, eight of them. */
export function saidNowAndThen(doSome: () => Promise<boolean>): () => Promise<boolean> {
  let failures = 0;
  return async () => {
    try {
      const isMore = await doSome();
      failures = 0;
      return isMore;
    } catch (error) {
      failures += 1;
      if (isWorthALine(failures)) throw error;
      return false;
    }
  };
}
