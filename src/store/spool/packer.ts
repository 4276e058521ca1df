/** Packs, one after the other and behind the calls, the segments that wait on the disk alone. */
import type { Log } from "../../telemetry/log.ts";
import { compact } from "./compact.ts";
import { errorCode, type SpoolFiles } from "./files.ts";
import type { Segment } from "./segment.ts";

export type PackerOptions = Readonly<{
  /** In order, as they are at any time. */
  segments: readonly Segment[];
  folder: string;
  files: SpoolFiles;
  log: Log;
  /** Called before a segment loses all but its final records. */
  before(segment: Segment): void;
  /** @param freed bytes on the disk */
  after(freed: number): void;
}>;

export class Packer {
  readonly #options: PackerOptions;
  #packing: Promise<void> | undefined;

  constructor(options: PackerOptions) {
    this.#options = options;
  }

  /** Begins, if there is something to pack. The segment whose turn it is stays as it is: it is about to be read. */
  next(): void {
    if (this.#packing !== undefined) return;
    const [, ...waiting] = this.#options.segments;
    const segment = waiting.find((each) => each.isSealed && each.isPackable && each.texts === undefined);
    if (segment === undefined) return;
    segment.isPackable = false;
    this.#options.before(segment);
    this.#packing = this.#pack(segment).finally(() => {
      this.#packing = undefined;
      this.next();
    });
  }

  async whenDone(): Promise<void> {
    while (this.#packing !== undefined) await this.#packing;
  }

  async #pack(segment: Segment): Promise<void> {
    const { folder, files, log } = this.#options;
    try {
      this.#options.after(await compact(segment, folder, files));
    } catch (error) {
      log.warn("A segment of the spool could not be packed", { code: errorCode(error) });
    }
  }
}
