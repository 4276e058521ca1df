import { setTimeout as sleep } from "node:timers/promises";
import {
  type ExecProtocolOptionsStream,
  PGlite,
  type QueryOptions,
  type Results,
} from "@electric-sql/pglite";

/** Frontend messages after which a pipeline is still open; it ends with Sync, and a simple Query ends it too. */
const PIPELINE_MESSAGES: ReadonlySet<number> = new Set(Buffer.from("PBDECH"));

/** How often a busy session is looked at. */
const BUSY_MS = 5;

/** The default is 128 MB of buffers, all of it resident after a while; the rows of a day fit in far less. */
const SETTINGS = ["-c", "shared_buffers=32MB"];

/**
 * PGlite as the socket server needs it. There is one session for all connections, and the server hands it message by
 * message to whoever is next, except inside a transaction. A statement with parameters is several messages, though, and
 * as soon as they do not arrive in one piece another connection's Parse gets between, and the values are bound to a
 * statement they were not meant for. So an open pipeline counts as a transaction here: the session stays with its
 * connection until the Sync.
 * @see https://github.com/electric-sql/pglite/issues/1046
 */
export class SharedPGlite extends PGlite {
  #inPipeline = false;
  #isUsed = false;
  readonly #onBroken: () => void;

  /**
   * @param folder of the cluster; it must exist
   * @param onBroken called when the engine stopped in the middle of a message, as it does for COPY FROM STDIN or a
   *   malformed start of a connection. Nothing works after that: the engine has to be started anew.
   */
  constructor(folder: string, onBroken: () => void) {
    super(folder, { startParams: [...PGlite.defaultStartParams, ...SETTINGS] });
    this.#onBroken = onBroken;
  }

  override isInTransaction(): boolean {
    return this.#inPipeline || super.isInTransaction();
  }

  override async execProtocolRawStream(
    message: Uint8Array,
    options: ExecProtocolOptionsStream,
  ): Promise<void> {
    this.#isUsed = true;
    try {
      await super.execProtocolRawStream(message, options);
    } catch (error) {
      this.#onBroken();
      throw error;
    }
    this.#inPipeline = PIPELINE_MESSAGES.has(message[0] ?? 0);
  }

  /**
   * The server sends ROLLBACK this way when a client goes away in the middle. After an error in a pipeline the session
   * skips everything up to a Sync, that ROLLBACK included; `exec` ends with a Sync, so the second one is heard.
   */
  override async exec(query: string, options?: QueryOptions): Promise<Results[]> {
    this.#inPipeline = false;
    const results = await super.exec(query, options);
    return query === "ROLLBACK" && super.isInTransaction() ? super.exec(query, options) : results;
  }

  /** Writes a checkpoint, unless a client is in the middle of something or nothing was sent since the last one. */
  async checkpointIfUseful(): Promise<void> {
    if (!this.#isUsed || this.isInTransaction()) return;
    this.#isUsed = false;
    await this.exec("CHECKPOINT");
  }

  /** Writes a checkpoint as soon as no client is in the middle of something. */
  async checkpoint(): Promise<void> {
    while (this.isInTransaction()) await sleep(BUSY_MS);
    await this.exec("CHECKPOINT");
  }
}
