/** Replicas tell each other, about every second, what keys with limits have taken. Away from the database each counts its own. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Limiter } from "./limiter.ts";
import type { KeyUsage, UsageElsewhere } from "./types.ts";

/** How long what one replica takes may be unknown to the others, and the time of a statement. */
const INTERVAL_MS = 1_000;

export type ExchangeParts = Readonly<{
  limiter: Pick<Limiter, "report" | "hear">;
  /** Tells what was taken here; gives what others have taken of the same keys. */
  exchange(usage: ReadonlyMap<string, KeyUsage>): Promise<ReadonlyMap<string, UsageElsewhere>>;
  onFailure(error: unknown): void;
}>;

/** Asks for nothing while no key with limits calls. */
export function startExchange({ limiter, exchange, onFailure }: ExchangeParts): Readonly<{ stop(): void }> {
  const stopping = new AbortController();
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const usage = limiter.report();
      if (usage.size > 0) await exchange(usage).then((heard) => limiter.hear(heard), onFailure);
      await sleep(INTERVAL_MS, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);
    }
  };
  void run();
  return { stop: () => stopping.abort() };
}
