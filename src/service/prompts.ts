/** The texts of prompts and answers in this process, put together: what keeps them, what deletes them, and the service. */
import { randomBytes } from "node:crypto";
import { performance } from "node:perf_hooks";
import { type Calls, keepPrompts } from "../prompts/keep-prompts.ts";
import { PromptKeeper } from "../prompts/prompt-keeper.ts";
import { PromptSeal } from "../prompts/seal.ts";
import { promptService } from "../rpc/prompt-service.ts";
import type { ServiceEntry } from "../rpc/service-entry.ts";
import type { Settings } from "../settings/settings.ts";
import type { OpenDatabase } from "../store/database.ts";
import { deleteExpiredPrompts, insertPrompt } from "../store/stored-prompts.ts";
import { startSweeper } from "../store/sweeper.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";

export type PromptParts = Readonly<{
  settings: Settings;
  database: Pick<OpenDatabase, "db">;
  metrics: Metrics;
  log: Log;
}>;

export type RunningPrompts = Readonly<{
  service: ServiceEntry;
  /** The calls with their texts kept; the same calls where storing is off. */
  follow(calls: Calls): Calls;
  /** Writes what waits, as far as the database takes it in a moment. */
  close(): Promise<void>;
}>;

const SWEEP_MS = 60_000;
/** Of one statement. */
const SWEEP_ROWS = 500;
/** How long a deletion waits for what is still to be written. */
const PATIENCE_MS = 5_000;

export function startPrompts({ settings, database: { db }, metrics, log }: PromptParts): RunningPrompts {
  const { isOn, key, oldKeys, ttlMs } = settings.prompts;
  const seal = new PromptSeal({ oldKeys, randomBytes, ...(key !== undefined && { key }) });
  const keeper = isOn
    ? new PromptKeeper({
        seal,
        insert: (prompt, ageMs) => insertPrompt(db, prompt, { ageMs, keptMs: ttlMs }),
        ttlMs,
        onLoss: (reason) => metrics.promptsNotStored.inc({ reason }),
        nowMs: () => performance.now(),
        random: Math.random,
        log,
      })
    : undefined;
  // Also where storing is off: what was stored before expires all the same.
  const sweeper = startSweeper({
    doSome: async () => (await deleteExpiredPrompts(db, SWEEP_ROWS)) === SWEEP_ROWS,
    complaint: "Expired texts of calls could not be deleted",
    log,
    random: Math.random,
    intervalMs: Math.min(SWEEP_MS, ttlMs),
  });
  return {
    service: promptService({ db, seal, settled: async () => keeper?.settled(PATIENCE_MS) ?? true, log }),
    follow: (calls) => (keeper === undefined ? calls : keepPrompts(calls, keeper)),
    async close() {
      sweeper.stop();
      await keeper?.close();
    },
  };
}
