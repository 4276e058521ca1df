/**
 * Moves records from the spool into the database, behind the request: a caller never waits for the database, and never
 * hears of it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Kysely } from "kysely";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { failureFields, isRowAtFault, isServerAnswer } from "./failure.ts";
import type { RecordText } from "./record-text.ts";
import type { ExecutionIntent, ExecutionRecord, Recorder, RecordObstacle } from "./records.ts";
import { backOff, isWorthALine } from "./retry.ts";
import type { Spool } from "./spool/spool.ts";
import type { Database } from "./tables.ts";
import { writeRecords } from "./write-records.ts";

export type RecorderOptions = Readonly<{
  db: Kysely<Database>;
  /** Closed with the recorder. */
  spool: Spool;
  log: Log;
  metrics?: Pick<Metrics, "recordsDropped" | "spoolRefusals">;
  /** Executions in one transaction. */
  maxBatch?: number;
  /** How long a lone record waits for company. */
  flushIntervalMs?: number;
  /** After what time executions are to be learned from; undefined: they are not. */
  outcomeWaitMs?: () => number | undefined;
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
     * Writes what is left, for at most `timeoutMs` and the statement in flight; what is still there then waits on the disk for
     * the next start. Whatever is recorded afterwards is lost and says so.
     */
    close(options?: { timeoutMs?: number }): Promise<void>;
  }>;

/** Why a record does not reach the database; the label of the metric. */
type Loss = "rejected" | "closed";

const CLOSE_MS = 5_000;

export const createRecorder = (options: RecorderOptions): DatabaseRecorder => new BatchRecorder(options);

class BatchRecorder implements DatabaseRecorder {
  readonly #options: Required<Omit<RecorderOptions, "metrics" | "outcomeWaitMs">> &
    Pick<RecorderOptions, "metrics" | "outcomeWaitMs">;
  readonly #spool: Spool;
  readonly #waiting: { settled: number; resolve: () => void }[] = [];
  readonly #stopping = new AbortController();
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined;
  #draining: Promise<void> | undefined;

  constructor(options: RecorderOptions) {
    this.#options = { maxBatch: 500, flushIntervalMs: 100, random: Math.random, ...options };
    this.#spool = options.spool;
    this.#schedule();
  }

  get queued(): number {
    return this.#spool.size;
  }

  findObstacle(): RecordObstacle | undefined {
    const obstacle = this.#spool.findObstacle();
    if (obstacle !== undefined) this.#options.metrics?.spoolRefusals.inc({ reason: obstacle });
    return obstacle;
  }

  begin(intent: ExecutionIntent): void {
    if (!this.#isClosed) this.#spool.begin(intent);
  }

  record(execution: ExecutionRecord): void {
    if (this.#isClosed) {
      this.#lose(execution, "closed");
      return;
    }
    try {
      this.#spool.record(execution);
      this.#schedule();
    } catch (error) {
      this.#lose(execution, "rejected", error);
    }
  }

  whenSafe(): Promise<void> | undefined {
    return this.#isClosed ? undefined : this.#spool.whenSafe();
  }

  flush(): Promise<void> {
    if (this.#spool.size === 0) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ settled: this.#spool.taken, resolve });
    this.#schedule();
    return promise;
  }

  async close({ timeoutMs = CLOSE_MS } = {}): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await Promise.race([this.flush(), sleep(timeoutMs, undefined, { ref: false })]);
    this.#stopping.abort();
    clearTimeout(this.#timer);
    await this.#draining;
    const left = this.#spool.size;
    if (left > 0)
      this.#options.log.warn("Execution records wait on the disk for the next start", { records: left });
    await this.#spool.close();
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  /** A full batch goes at once, and so does anything that somebody waits for; the rest waits for company. */
  #isUrgent(): boolean {
    return this.#spool.size >= this.#options.maxBatch || this.#waiting.length > 0;
  }

  #schedule(): void {
    if (this.#spool.size === 0 || this.#stopping.signal.aborted || this.#draining !== undefined) return;
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
    while (this.#spool.size > 0 && !this.#stopping.signal.aborted) {
      const batch = await this.#take();
      const settled = await this.#writeBatch(batch);
      this.#spool.settle(settled);
      this.#wakeWaiting();
      if (!this.#isUrgent()) return;
    }
    this.#wakeWaiting();
  }

  /** The next batch, as soon as it can be read. */
  async #take(): Promise<readonly RecordText[]> {
    for (let failures = 1; ; failures += 1) {
      try {
        return await this.#spool.take(this.#options.maxBatch);
      } catch (error) {
        if (isWorthALine(failures)) {
          const fields = { ...failureFields(error), failures };
          this.#options.log.error("Execution records cannot be read from the disk; trying again", fields);
        }
        await backOff(failures, this.#options.random(), this.#stopping.signal);
        if (this.#stopping.signal.aborted) return [];
      }
    }
  }

  /**
   * Writes a batch, again and again while the database is away. When a row is at fault the batch is halved until that
   * row stands alone.
   * @returns how many records, from the first, are written or given up; all of them unless the recorder is stopping
   */
  async #writeBatch(batch: readonly RecordText[]): Promise<number> {
    const parts = batch.length > 0 ? [batch] : [];
    let failures = 0;
    for (let part = parts.pop(); part; part = parts.pop()) {
      const failure = await this.#tryToWrite(part);
      const [first] = part;
      if (!failure) {
        if (failures > 0) this.#options.log.info("Execution records are written again", { failures });
        failures = 0;
      } else if (!isRowAtFault(failure.error)) {
        parts.push(part);
        failures += 1;
        this.#reportFailure(failure.error, failures);
        await backOff(failures, this.#options.random(), this.#stopping.signal);
        if (this.#stopping.signal.aborted) return batch.length - parts.flat().length;
      } else if (part.length === 1 && first !== undefined) {
        this.#bury(first, failure.error);
      } else {
        const middle = part.length >> 1;
        parts.push(part.slice(middle), part.slice(0, middle));
      }
    }
    return batch.length;
  }

  async #tryToWrite(records: readonly RecordText[]): Promise<{ error: unknown } | undefined> {
    try {
      await writeRecords(this.#options.db, records, this.#options.outcomeWaitMs?.());
      return undefined;
    } catch (error) {
      return { error };
    }
  }

  #wakeWaiting(): void {
    const { settled, size } = this.#spool;
    while (this.#waiting[0] && (size === 0 || this.#waiting[0].settled <= settled)) {
      this.#waiting.shift()?.resolve();
    }
  }

  /** The row's values go to the file of dead letters and nowhere else. */
  #bury(text: RecordText, error: unknown): void {
    const isKept = this.#spool.keepDeadLetter(text, isServerAnswer(error) ? error.code : undefined);
    this.#lose(text, "rejected", error, isKept);
  }

  #lose({ executionId }: { executionId: string }, reason: Loss, error?: unknown, isKept = false): void {
    this.#options.metrics?.recordsDropped.inc({ reason });
    const cause = error === undefined ? {} : failureFields(error);
    const message = isKept
      ? "The database refuses an execution record; it is in the file of dead letters"
      : "An execution record is lost";
    this.#options.log.error(message, { reason, executionId, ...cause });
  }

  #reportFailure(error: unknown, failures: number): void {
    if (!isWorthALine(failures)) return;
    this.#options.log.warn("Execution records cannot be written; trying again", {
      ...failureFields(error),
      failures,
      queued: this.queued,
    });
  }
}
