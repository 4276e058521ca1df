/**
 * The spool: what happened to calls, on the disk before their callers hear of it, until the database has it. See the README
 * of this folder.
 */
import type { Log } from "../../telemetry/log.ts";
import type { Metrics } from "../../telemetry/metrics.ts";
import { beginningText, interruptedText, type RecordText, recordText } from "../record-text.ts";
import type { ExecutionIntent, ExecutionRecord, RecordObstacle } from "../records.ts";
import { Backlog } from "./backlog.ts";
import { keepDeadLetter } from "./dead-letters.ts";
import { DISK, errorCode, type SpoolFiles } from "./files.ts";
import type { Durability } from "./limits.ts";
import { Packer } from "./packer.ts";
import { type Found, findSegments } from "./recover.ts";
import { Retirement } from "./retirement.ts";
import type { Segment } from "./segment.ts";
import { type Slot, takeSlot } from "./slot.ts";
import { SpoolSpace } from "./space.ts";
import { SpoolWriter } from "./writer.ts";

export type SpoolOptions = Readonly<{
  /** Absolute; made when missing. Any number of processes may share it. */
  root: string;
  durability: Durability;
  /** The most that this process takes on the disk. */
  capBytes: number;
  log: Log;
  metrics?: Pick<Metrics, "spoolRecords" | "spoolBytes" | "spoolSyncFailures" | "recordsDropped">;
  /**
   * Makes what the database has been told known to the disk; what was written is kept until then. Absent: a commit does.
   */
  persist?: () => Promise<void>;
  files?: SpoolFiles;
}>;

const LARGEST_SEGMENT_BYTES = 8 * 1024 * 1024;
/** So that a small spool, too, has a segment that is written, one that is spare and some that wait. */
const SEGMENTS_IN_CAP = 8;
/** Set aside for the final record of each call in flight; most take half of it. */
const FINAL_BYTES = 8 * 1024;
const CLOSE_MS = 5_000;

/** Empty once its call is over: a map's old tables lead to what was deleted, and keep it from the young collection. */
type Begun = { beginning: string; intent?: ExecutionIntent; segment: number };

export class Spool {
  readonly #options: SpoolOptions;
  readonly #slot: Slot;
  readonly #space: SpoolSpace;
  readonly #backlog: Backlog;
  readonly #writer: SpoolWriter;
  readonly #retirement: Retirement;
  /** Calls in flight, by execution. */
  readonly #begun = new Map<string, Begun>();
  readonly #packer: Packer;
  #closing: Promise<void> | undefined;
  /** Final records that ever waited here, and how many of them, from the first, do no more. */
  #taken = 0;
  #settled = 0;

  constructor(options: SpoolOptions, slot: Slot, found: Found) {
    const { capBytes, durability, log, files = DISK } = options;
    const { folder } = slot;
    const segmentBytes = Math.min(LARGEST_SEGMENT_BYTES, Math.floor(capBytes / SEGMENTS_IN_CAP));
    this.#options = options;
    this.#slot = slot;
    this.#space = new SpoolSpace({ folder, files, segmentBytes, capBytes, ...found });
    this.#backlog = new Backlog(() => this.#writer.flush());
    for (const segment of found.segments) this.#backlog.add(segment);
    this.#taken = this.#backlog.size;
    this.#packer = new Packer({
      segments: this.#backlog.segments,
      folder,
      files,
      log,
      before: (segment) => this.#carry(segment),
      after: (freed) => {
        this.#space.usedBytes -= freed;
        this.#report();
      },
    });
    this.#retirement = new Retirement(this.#space, options.persist, capBytes / 4, log);
    this.#writer = new SpoolWriter({
      folder,
      files,
      segmentBytes,
      durability,
      log,
      space: this.#space,
      onSegment: (segment) => this.#follow(segment),
      onFinal: (text, segment) => this.#push(text, segment),
      onSyncFailure: () => options.metrics?.spoolSyncFailures.inc(),
    });
    for (const text of found.interrupted) this.#writer.append("final", text);
    this.#writer.flush();
    if (this.#taken > 0) {
      const fields = { records: this.#taken, interrupted: found.interrupted.length };
      log.info("Records of an earlier run wait for the database", fields);
    }
    this.#report();
  }

  /** Records that wait for the database. */
  get size(): number {
    return this.#backlog.size;
  }

  /** A mark to wait for: `settled` reaches it when all that waits now is settled. */
  get taken(): number {
    return this.#taken;
  }
  get settled(): number {
    return this.#settled;
  }

  findObstacle(): RecordObstacle | undefined {
    if (this.#writer.isFailing) return "disk_failing";
    return this.#space.findObstacle(FINAL_BYTES * (this.#begun.size + 1), this.#writer.leftBytes);
  }

  begin(intent: ExecutionIntent): void {
    const beginning = beginningText(intent);
    this.#append("intent", interruptedText(intent, beginning));
    this.#begun.set(intent.executionId, { beginning, intent, segment: this.#writer.active.number });
  }

  /** @throws TypeError or RangeError when it cannot be written down, whatever the disk does */
  record(record: ExecutionRecord): void {
    const begun = this.#begun.get(record.executionId);
    const beginning = begun?.beginning ?? beginningText({ ...record, planned: record.served });
    this.#forget(record.executionId, begun);
    this.#append("final", recordText(record, beginning));
    this.#report();
  }

  whenSafe(): Promise<void> | undefined {
    return this.#writer.whenSafe();
  }

  /** The records that have waited longest. */
  async take(most: number): Promise<readonly RecordText[]> {
    const texts = await this.#backlog.take(most);
    if (texts.length === 0 && this.size === 0) this.#settled = this.#taken;
    return texts;
  }

  /** The first so many of those taken last are in the database, or are dead letters. */
  settle(count: number): void {
    this.#backlog.settle(count);
    this.#settled += count;
    this.#retireDrained();
    this.#report();
  }

  /** @returns whether it was kept */
  keepDeadLetter(text: RecordText, sqlState: string | undefined): boolean {
    return keepDeadLetter(this.#options.root, text, { sqlState, at: new Date() });
  }

  /** Resolves when nothing that can be packed is unpacked. */
  async whenPacked(): Promise<void> {
    await this.#packer.whenDone();
  }

  /** Leaves on the disk what still waits, and nothing when nothing does. Safe to call twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.whenPacked();
    const isOnDisk = await this.#writer.close(CLOSE_MS);
    if (!isOnDisk) this.#options.log.error("The last records may not have reached the disk");
    this.#retireDrained();
    await this.#retirement.close();
    await this.#space.close();
    this.#slot.release();
  }

  #forget(executionId: string, begun: Begun | undefined): void {
    this.#begun.delete(executionId);
    if (begun === undefined) return;
    begun.intent = undefined;
    begun.beginning = "";
  }

  /** What has no place on the disk waits in memory. That takes a disk that fills up although room was set aside. */
  #append(kind: "intent" | "final", text: RecordText): void {
    try {
      this.#writer.append(kind, text);
    } catch (error) {
      if (error instanceof RangeError) throw error;
      this.#options.log.error("A record has no place on the disk", { code: errorCode(error), kind });
      if (kind === "intent" || this.#backlog.keepInMemory(text)) return;
      this.#options.metrics?.recordsDropped.inc({ reason: "disk_full" });
    }
  }

  #push(text: RecordText, segment: Segment): void {
    this.#taken += 1;
    this.#backlog.push(text, segment);
  }

  #follow(segment: Segment): void {
    this.#backlog.add(segment);
    this.#packer.next();
  }

  #retireDrained(): void {
    for (const segment of this.#backlog.shiftDrained()) {
      this.#carry(segment);
      this.#retirement.add(segment);
    }
  }

  /** The beginnings of calls that are still in flight move to where they stay. */
  #carry({ number }: Segment): void {
    let carried = 0;
    for (const begun of this.#begun.values()) {
      if (begun.segment !== number || begun.intent === undefined) continue;
      this.#append("intent", interruptedText(begun.intent, begun.beginning));
      begun.segment = this.#writer.active.number;
      carried += 1;
    }
    if (carried > 0) this.#writer.flush();
  }

  #report(): void {
    this.#options.metrics?.spoolRecords.set(this.#backlog.size);
    this.#options.metrics?.spoolBytes.set(this.#space.usedBytes);
  }
}

/** @throws Error that names the folder and the remedy when it cannot be written to */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  let slot: Slot | undefined;
  try {
    slot = takeSlot(options.root, options.log);
    const spool = new Spool(options, slot, findSegments(slot.folder, options.log));
    await spool.whenSafe();
    return spool;
  } catch (error) {
    slot?.release();
    const code = errorCode(error);
    throw new Error(
      `Records cannot be kept in ${options.root} (${code === "ENOSPC" ? "the disk is full" : code}): make room or give this user the folder, or set MODELTIER_SPOOL_DIR to another`,
      { cause: error },
    );
  }
}
