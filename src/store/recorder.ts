/** Writes what happened behind the request: the caller never waits for the database, and never hears of it. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Kysely } from "kysely";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { insertAttempts } from "./attempts.ts";
import { chargeBudgets } from "./budget-charges.ts";
import type { Database } from "./database.ts";
import { insertExecutions } from "./executions.ts";
import { failureFields, isRowAtFault } from "./failure.ts";
import type { ExecutionRecord, Recorder } from "./records.ts";
import { backOff, isWorthALine } from "./retry.ts";
import { rollUp } from "./rollups.ts";

export type RecorderOptions = Readonly<{
  db: Kysely<Database>;
  log: Log;
  metrics?: Pick<Metrics, "spoolRecords" | "recordsDropped">;
  /** Executions in one transaction. */
  maxBatch?: number;
  /** How long a lone record waits for company. */
  flushIntervalMs?: number;
  /** Executions kept in memory while the database is away; beyond it new ones are lost, loudly. */
  maxQueued?: number;
  /** In [0, 1); spreads the retries of replicas. */
  random?: () => number;
}>;

export type DatabaseRecorder = Recorder &
  Readonly<{
    /** Executions recorded and not settled: not yet in the database, and not yet given up. */
    queued: number;
    /** Resolves when everything recorded before it is settled. While the database is away that means waiting for it. */
    flush(): Promise<void>;
    /**
     * Writes what is left, for at most `timeoutMs` and the statement in flight; what is still there then is logged by
     * id. Whatever is recorded afterwards is lost and says so.
     */
    close(options?: { timeoutMs?: number }): Promise<void>;
  }>;

/** Why a record did not reach the database; the label of the metric. */
type Loss = "queue_full" | "rejected" | "closed";

const CLOSE_MS = 5_000;
const IDS_PER_LINE = 100;

export const createRecorder = (options: RecorderOptions): DatabaseRecorder => new BatchRecorder(options);

class BatchRecorder implements DatabaseRecorder {
  readonly #options: Required<Omit<RecorderOptions, "metrics">> & Pick<RecorderOptions, "metrics">;
  readonly #queue: ExecutionRecord[] = [];
  readonly #waiting: { settled: number; resolve: () => void }[] = [];
  readonly #stopping = new AbortController();
  #recorded = 0;
  #settled = 0;
  #lostToFullQueue = 0;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;
  #draining: Promise<void> | undefined;

  constructor(options: RecorderOptions) {
    const defaults = { maxBatch: 500, flushIntervalMs: 100, maxQueued: 50_000, random: Math.random };
    this.#options = { ...defaults, ...options };
  }

  get queued(): number {
    return this.#queue.length;
  }

  record(execution: ExecutionRecord): void {
    if (this.#closed) {
      this.#lose([execution], "closed");
    } else if (this.#queue.length >= this.#options.maxQueued) {
      this.#refuse(execution);
    } else {
      this.#queue.push(execution);
      this.#recorded += 1;
      this.#reportQueue();
      this.#schedule();
    }
  }

  flush(): Promise<void> {
    if (this.#settled === this.#recorded) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ settled: this.#recorded, resolve });
    this.#schedule();
    return promise;
  }

  async close({ timeoutMs = CLOSE_MS } = {}): Promise<void> {
    this.#closed = true;
    await Promise.race([this.flush(), sleep(timeoutMs, undefined, { ref: false })]);
    this.#stopping.abort();
    clearTimeout(this.#timer);
    await this.#draining;
    this.#lose(this.#queue, "closed");
    this.#settle(this.#queue.length);
  }

  /** A full batch goes at once, and so does anything that somebody waits for; the rest waits for company. */
  #isUrgent(): boolean {
    return this.#queue.length >= this.#options.maxBatch || this.#waiting.length > 0;
  }

  #schedule(): void {
    if (this.#queue.length === 0 || this.#stopping.signal.aborted) return;
    if (this.#isUrgent()) this.#drainNow();
    else this.#timer ??= setTimeout(() => this.#drainNow(), this.#options.flushIntervalMs);
  }

  #drainNow(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined;
      this.#schedule();
    });
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0 && !this.#stopping.signal.aborted) {
      const settled = await this.#writeBatch(this.#queue.slice(0, this.#options.maxBatch));
      this.#settle(settled);
      if (!this.#isUrgent()) return;
    }
  }

  /**
   * Writes a batch, again and again while the database is away. When a row is at fault the batch is halved until that
   * row stands alone.
   * @returns how many records, from the first, are written or given up; all of them unless the recorder is stopping
   */
  async #writeBatch(batch: readonly ExecutionRecord[]): Promise<number> {
    const parts = [batch];
    let failures = 0;
    for (let part = parts.pop(); part; part = parts.pop()) {
      const failure = await this.#tryToWrite(part);
      if (!failure) {
        this.#reportRecovery(failures);
        failures = 0;
      } else if (!isRowAtFault(failure.error)) {
        parts.push(part);
        failures += 1;
        this.#reportFailure(failure.error, failures);
        await backOff(failures, this.#options.random(), this.#stopping.signal);
        if (this.#stopping.signal.aborted) return batch.length - parts.flat().length;
      } else if (part.length === 1) {
        this.#lose(part, "rejected", failure.error);
      } else {
        const middle = part.length >> 1;
        parts.push(part.slice(middle), part.slice(0, middle));
      }
    }
    return batch.length;
  }

  async #tryToWrite(records: readonly ExecutionRecord[]): Promise<{ error: unknown } | undefined> {
    try {
      await writeRecords(this.#options.db, records);
      return undefined;
    } catch (error) {
      return { error };
    }
  }

  #settle(count: number): void {
    this.#queue.splice(0, count);
    this.#settled += count;
    while (this.#waiting[0] && this.#waiting[0].settled <= this.#settled) this.#waiting.shift()?.resolve();
    this.#reportQueue();
  }

  /** One line at the first loss and one when there is room again; the metric counts in between. */
  #refuse(execution: ExecutionRecord): void {
    this.#lostToFullQueue += 1;
    if (this.#lostToFullQueue === 1) this.#lose([execution], "queue_full");
    else this.#options.metrics?.recordsDropped.inc({ reason: "queue_full" });
  }

  #lose(records: readonly ExecutionRecord[], reason: Loss, error?: unknown): void {
    if (records.length === 0) return;
    this.#options.metrics?.recordsDropped.inc({ reason }, records.length);
    const ids = records.map(({ executionId }) => executionId);
    const cause = error === undefined ? {} : failureFields(error);
    for (let from = 0; from < ids.length; from += IDS_PER_LINE) {
      const executionIds = ids.slice(from, from + IDS_PER_LINE).join(" ");
      this.#options.log.error("Execution records are lost", { reason, executionIds, ...cause });
    }
  }

  #reportQueue(): void {
    this.#options.metrics?.spoolRecords.set(this.#queue.length);
  }

  #reportFailure(error: unknown, failures: number): void {
    if (!isWorthALine(failures)) return;
    const counts = { failures, queued: this.queued, lost: this.#lostToFullQueue };
    this.#options.log.warn("Execution records cannot be written; trying again", {
      ...failureFields(error),
      ...counts,
    });
  }

  #reportRecovery(failures: number): void {
    if (failures > 0) this.#options.log.info("Execution records are written again", { failures });
    if (this.#lostToFullQueue === 0) return;
    this.#options.log.error("Execution records were lost while the queue was full", {
      lost: this.#lostToFullQueue,
    });
    this.#lostToFullQueue = 0;
  }
}

/**
 * Executions, their attempts, their part of the rollups and what they cost their budgets, all or none. Writing them again
 * changes nothing: rows that are new are counted and charged. Both lock rows that other replicas want, and so come last;
 * charges after all else, because calls wait for those rows.
 */
const writeRecords = (db: Kysely<Database>, records: readonly ExecutionRecord[]): Promise<void> =>
  db.transaction().execute(async (tx) => {
    const inserted = new Set(await insertExecutions(tx, records));
    await insertAttempts(
      tx,
      records.flatMap(({ attempts }) => attempts),
    );
    await rollUp(tx, [...inserted]);
    const added = records.filter(({ executionId }) => inserted.has(executionId));
    await chargeBudgets(
      tx,
      added.flatMap(({ charges = [] }) => charges),
    );
  });
