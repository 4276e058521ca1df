/**
 * The end of the spool that is written to: frames go to the operating system together, and to the disk together. What is not
 * known to be on the disk stays in memory: a failed fdatasync says nothing about which bytes got there, and the next one
 * would say that all is well.
 * @see https://wiki.postgresql.org/wiki/Fsync_Errors
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../../telemetry/log.ts";
import type { RecordText } from "../record-text.ts";
import { backOff, isWorthALine } from "../retry.ts";
import { errorCode, type SpoolFiles } from "./files.ts";
import { type FrameKind, mostFrameBytes, writeFrame } from "./frame.ts";
import type { Durability } from "./limits.ts";
import { type Segment, syncSegments } from "./segment.ts";
import type { SpoolSpace } from "./space.ts";
import { Unsynced } from "./unsynced.ts";
import { Waiting } from "./waiting.ts";

export type WriterOptions = Readonly<{
  folder: string;
  files: SpoolFiles;
  space: SpoolSpace;
  segmentBytes: number;
  durability: Durability;
  log: Log;
  /** A new segment is written from now on; the one before it is sealed. */
  onSegment(segment: Segment): void;
  /** A final record has its place in a segment. */
  onFinal(text: RecordText, segment: Segment): void;
  onSyncFailure(): void;
}>;

/** In `os`, how long what the kernel has may wait for the disk. */
const SYNC_EVERY_MS = 1_000;
const FIRST_BUFFER_BYTES = 256 * 1024;

export class SpoolWriter {
  /** Records cannot be written, or are not known to reach the disk. */
  isFailing = false;
  active: Segment;
  readonly #options: WriterOptions;
  /** Frames on their way to the kernel. */
  #group = Buffer.allocUnsafe(FIRST_BUFFER_BYTES);
  #groupBytes = 0;
  #isFlushDue = false;
  readonly #unsynced = new Unsynced();
  #appended = 0;
  #synced = 0;
  readonly #dirty = new Set<Segment>();
  readonly #waiting = new Waiting();
  #timer: NodeJS.Timeout | undefined;
  #syncing: Promise<void> | undefined;
  readonly #closing = new AbortController();

  /** @throws the file system's error when there is no room for a first segment */
  constructor(options: WriterOptions) {
    this.#options = options;
    this.active = options.space.take();
    options.onSegment(this.active);
  }

  /** Bytes that still fit into the active segment. */
  get leftBytes(): number {
    return this.#options.segmentBytes - this.active.writtenBytes - this.#groupBytes;
  }

  /** The kernel has it before anything that waits for a promise goes on. @throws RangeError when it fits into no segment */
  append(kind: FrameKind, text: RecordText): void {
    const frameBytes = this.#place(kind, text);
    this.#unsynced.add(this.#group, this.#groupBytes - frameBytes, this.#groupBytes);
    this.#appended += 1;
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    queueMicrotask(this.flush);
  }

  readonly flush = (): void => {
    this.#isFlushDue = false;
    if (this.#groupBytes > 0) this.#writeGroup();
    if (this.#synced < this.#appended) this.#scheduleSync();
  };

  whenSafe(): Promise<void> | undefined {
    if (this.#isFlushDue) this.flush();
    const isSafe = this.#synced === this.#appended;
    if (isSafe || (this.#options.durability === "os" && !this.isFailing)) return undefined;
    return this.#syncedUpTo(this.#appended);
  }

  /** Whatever was appended is on the disk, or the limit has passed. @returns whether it is */
  async close(limitMs: number): Promise<boolean> {
    this.flush();
    this.#startSync();
    await Promise.race([this.#syncedUpTo(this.#appended), sleep(limitMs, undefined, { ref: false })]);
    this.#closing.abort();
    clearTimeout(this.#timer);
    await this.#syncing;
    this.#waiting.close();
    this.#seal();
    return this.#synced === this.#appended;
  }

  /** Puts a frame at the end of the group. @returns how many bytes it takes */
  #place(kind: FrameKind, text: RecordText): number {
    this.#makeRoom(mostFrameBytes(text));
    let start = this.#groupBytes;
    let end = writeFrame(this.#group, start, kind, text);
    const { segmentBytes } = this.#options;
    if (end - start > segmentBytes) throw new RangeError("a record is larger than a segment of the spool");
    if (this.active.writtenBytes + end > segmentBytes) {
      const frame = Buffer.from(this.#group.subarray(start, end));
      this.#next();
      start = 0;
      end = frame.copy(this.#group);
    }
    this.#groupBytes = end;
    if (kind === "final") {
      this.active.finals += 1;
      this.#options.onFinal(text, this.active);
    }
    return end - start;
  }

  #makeRoom(bytes: number): void {
    if (this.#groupBytes + bytes <= this.#group.length) return;
    if (this.#groupBytes > 0) this.#writeGroup();
    if (bytes > this.#group.length) this.#group = Buffer.allocUnsafe(bytes);
  }

  /** What was written goes to the kernel, what comes next into a new segment. */
  #next(): void {
    if (this.#groupBytes > 0) this.#writeGroup();
    const next = this.#options.space.take();
    this.#seal();
    this.active = next;
    this.#options.onSegment(next);
  }

  #seal(): void {
    this.active.isSealed = true;
    if (!this.#dirty.has(this.active)) this.#closeFile(this.active);
  }

  #closeFile(segment: Segment): void {
    if (segment.fd !== undefined) this.#options.files.close(segment.fd);
    segment.fd = undefined;
  }

  /** What the kernel refuses is in memory still, and is written again with all that is not on the disk. */
  #writeGroup(): void {
    const { active } = this;
    const bytes = this.#groupBytes;
    this.#groupBytes = 0;
    this.#dirty.add(active);
    try {
      this.#options.files.writeSync(active.fd as number, this.#group, bytes, active.writtenBytes);
    } catch (error) {
      this.#complain(error, 1);
    }
    active.writtenBytes += bytes;
  }

  #scheduleSync(): void {
    if (this.#options.durability === "fsync" || this.isFailing) this.#startSync();
    else this.#timer ??= setTimeout(() => this.#startSync(), SYNC_EVERY_MS).unref();
  }

  #startSync(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#syncing ??= this.#sync().finally(() => {
      this.#syncing = undefined;
      if (this.#synced < this.#appended && !this.#closing.signal.aborted) this.#scheduleSync();
    });
  }

  /** One fdatasync for all that came while the one before it ran. */
  async #sync(): Promise<void> {
    for (let failures = 0; this.#synced < this.#appended && !this.#closing.signal.aborted; ) {
      if (this.#groupBytes > 0) this.#writeGroup(); // a frame that came this moment: what is counted as synced is written
      const upTo = this.#appended;
      const bytes = this.#unsynced.byteLength;
      const dirty = [...this.#dirty];
      this.#dirty.clear();
      try {
        if (this.isFailing && failures === 0) throw new Error("a write has failed");
        await syncSegments(dirty, this.#options.files, this.#options.folder);
        this.#noteSynced(upTo, bytes, dirty, failures);
        if (this.#waiting.isEmpty) return;
        failures = 0;
      } catch (error) {
        failures += 1;
        this.#complain(error, failures);
        if (failures > 1) await backOff(failures, 0, this.#closing.signal);
        this.#rescue(dirty);
      }
    }
  }

  #noteSynced(upTo: number, bytes: number, segments: readonly Segment[], failures: number): void {
    for (const segment of segments) {
      if (segment.isSealed && !this.#dirty.has(segment)) this.#closeFile(segment);
    }
    this.#unsynced.drop(bytes);
    this.#synced = upTo;
    if (failures > 0) this.#options.log.info("Records reach the disk again", { failures });
    this.isFailing = false;
    this.#waiting.reached(upTo);
  }

  /**
   * The segments are suspect: whatever may not be on the disk is written again, elsewhere. What got there twice changes
   * nothing when it is replayed.
   */
  #rescue(suspects: readonly Segment[]): void {
    this.#groupBytes = 0;
    const records = this.#unsynced.records();
    try {
      this.#next();
      for (const segment of [...suspects, ...this.#dirty]) {
        if (segment !== this.active) this.#closeFile(segment);
      }
      this.#dirty.clear();
      this.#dirty.add(this.active);
      for (const { kind, text } of records) this.#place(kind, text);
      this.#writeGroup();
    } catch {
      // There is no room for a new segment now. Everything is in memory, and the next round tries again.
      for (const segment of suspects) if (segment.fd !== undefined) this.#dirty.add(segment);
      this.isFailing = true;
    }
  }

  #complain(error: unknown, failures: number): void {
    this.isFailing = true;
    this.#options.onSyncFailure();
    if (!isWorthALine(failures)) return;
    const fields = { code: errorCode(error), records: this.#appended - this.#synced, failures };
    this.#options.log.error(
      "Records may not have reached the disk; they are written again to a new segment",
      fields,
    );
  }

  #syncedUpTo(upTo: number): Promise<void> {
    if (this.#synced >= upTo) return Promise.resolve();
    return this.#waiting.add(upTo);
  }
}
