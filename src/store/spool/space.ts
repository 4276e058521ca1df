/**
 * Room on the disk, taken before it is needed: files full of zeros, so that the disk cannot be full when a record comes, and
 * fdatasync has no length to write down.
 */
import type { RecordObstacle } from "../records.ts";
import type { SpoolFiles } from "./files.ts";
import { Segment, segmentPath } from "./segment.ts";

export type SpaceOptions = Readonly<{
  folder: string;
  files: SpoolFiles;
  segmentBytes: number;
  capBytes: number;
  /** Of the first segment to be made. */
  nextNumber: number;
  /** What is on the disk already. */
  usedBytes: number;
}>;

/**
 * Written at once. Linux keeps a file in pieces as large as the writes that made it, and each later write of a few hundred
 * bytes looks at every block of the piece that it falls into: with a megabyte it takes three times the CPU.
 */
const ZEROS = Buffer.alloc(64 * 1024);
/** After a failure the disk is asked again no sooner. */
const RETRY_MS = 1_000;

export class SpoolSpace {
  /** Everything the spool takes on the disk, spares included. */
  usedBytes: number;
  readonly #options: SpaceOptions;
  readonly #spares: Segment[] = [];
  #nextNumber: number;
  #preparing: Promise<void> | undefined;
  #failedAtMs = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(options: SpaceOptions) {
    this.#options = options;
    this.#nextNumber = options.nextNumber;
    this.usedBytes = options.usedBytes;
  }

  /**
   * Whether so many bytes can be written.
   * @param left in the segment that is being written
   */
  findObstacle(bytes: number, left: number): RecordObstacle | undefined {
    const { segmentBytes } = this.#options;
    const missing = bytes - left - this.#spares.length * segmentBytes;
    if (missing + segmentBytes / 2 > 0 && this.#isWithinCap && !this.#hasJustFailed) this.#prepare();
    if (missing <= 0) return undefined;
    if (!this.#isWithinCap) return "spool_full";
    if (this.#hasJustFailed) return "disk_full";
    try {
      this.#spares.push(this.#make());
      return this.findObstacle(bytes, left);
    } catch {
      return "disk_full";
    }
  }

  /**
   * An empty segment, open for writing. Goes beyond the cap when that is all that is left: a call that was accepted is recorded.
   * @throws the file system's error
   */
  take(): Segment {
    return this.#spares.shift() ?? this.#make();
  }

  remove(segment: Segment): void {
    segment.isRemoved = true;
    this.#options.files.remove(segment.path);
    this.usedBytes -= segment.fileBytes;
  }

  /** Removes the spares. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#preparing;
    for (const spare of this.#spares.splice(0)) this.#discard(spare);
  }

  get #isWithinCap(): boolean {
    return this.usedBytes + this.#options.segmentBytes <= this.#options.capBytes;
  }

  get #hasJustFailed(): boolean {
    return performance.now() - this.#failedAtMs < RETRY_MS;
  }

  /** Makes a spare behind the calls. */
  #prepare(): void {
    if (this.#preparing !== undefined || this.#isClosed) return;
    const { files, segmentBytes } = this.#options;
    const zeros = async (segment: Segment): Promise<void> => {
      for (let at = 0; at < segmentBytes; at += ZEROS.length) {
        await files.write(segment.fd as number, ZEROS, Math.min(ZEROS.length, segmentBytes - at), at);
      }
    };
    const prepare = async (): Promise<void> => {
      const segment = this.#create();
      try {
        await zeros(segment);
        await files.fdatasync(segment.fd as number);
        this.#spares.push(segment);
      } catch (error) {
        this.#discard(segment);
        throw error;
      }
    };
    this.#preparing = prepare()
      .catch(() => {
        this.#failedAtMs = performance.now();
      })
      .finally(() => {
        this.#preparing = undefined;
      });
  }

  #make(): Segment {
    const segment = this.#create();
    const { files, segmentBytes } = this.#options;
    try {
      for (let at = 0; at < segmentBytes; at += ZEROS.length) {
        files.writeSync(segment.fd as number, ZEROS, Math.min(ZEROS.length, segmentBytes - at), at);
      }
      return segment;
    } catch (error) {
      this.#failedAtMs = performance.now();
      this.#discard(segment);
      throw error;
    }
  }

  #create(): Segment {
    const { files, folder, segmentBytes } = this.#options;
    const number = this.#nextNumber;
    const path = segmentPath(folder, number);
    const segment = new Segment(number, path, segmentBytes);
    segment.fd = files.create(path);
    this.#nextNumber += 1;
    this.usedBytes += segmentBytes;
    return segment;
  }

  #discard(segment: Segment): void {
    this.#options.files.close(segment.fd as number);
    segment.fd = undefined;
    this.remove(segment);
  }
}
