/**
 * Segments whose records the database has. Postgres has them on its disk; the embedded database has told the kernel and no
 * more, so there they are kept until its files are known to be on the disk.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../../telemetry/log.ts";
import { errorCode } from "./files.ts";
import type { Segment } from "./segment.ts";
import type { SpoolSpace } from "./space.ts";

/** Between two times that the database's files are brought to the disk. */
const PERSIST_EVERY_MS = 30_000;
/** A visitor of the database may be in the middle of something. */
const CLOSE_MS = 5_000;

export class Retirement {
  readonly #space: SpoolSpace;
  readonly #persist: (() => Promise<void>) | undefined;
  readonly #mostBytes: number;
  readonly #log: Log;
  #waiting: Segment[] = [];
  #timer: NodeJS.Timeout | undefined;
  #persisting: Promise<void> | undefined;

  /** @param mostBytes of segments that wait; with more the next time comes at once */
  constructor(space: SpoolSpace, persist: (() => Promise<void>) | undefined, mostBytes: number, log: Log) {
    this.#space = space;
    this.#persist = persist;
    this.#mostBytes = mostBytes;
    this.#log = log;
  }

  add(segment: Segment): void {
    if (this.#persist === undefined) this.#space.remove(segment);
    else this.#wait(segment);
  }

  #wait(segment: Segment): void {
    this.#waiting.push(segment);
    const bytes = this.#waiting.reduce((sum, { fileBytes }) => sum + fileBytes, 0);
    if (bytes > this.#mostBytes) void this.#run();
    else this.#timer ??= setTimeout(() => void this.#run(), PERSIST_EVERY_MS).unref();
  }

  /** What cannot be brought to the disk in time stays, for the next start. */
  async close(): Promise<void> {
    const last = async (): Promise<void> => {
      await this.#persisting;
      if (this.#waiting.length > 0) await this.#run();
    };
    await Promise.race([last(), sleep(CLOSE_MS, undefined, { ref: false })]);
    clearTimeout(this.#timer);
  }

  #run(): Promise<void> {
    this.#persisting ??= this.#persistAndRemove().finally(() => {
      this.#persisting = undefined;
    });
    return this.#persisting;
  }

  async #persistAndRemove(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const segments = this.#waiting;
    this.#waiting = [];
    try {
      await this.#persist?.();
      for (const segment of segments) this.#space.remove(segment);
    } catch (error) {
      this.#waiting = [...segments, ...this.#waiting];
      this.#timer = setTimeout(() => void this.#run(), PERSIST_EVERY_MS).unref();
      this.#log.warn(
        "The embedded database's files could not be brought to the disk; records are kept meanwhile",
        {
          code: errorCode(error),
        },
      );
    }
  }
}
