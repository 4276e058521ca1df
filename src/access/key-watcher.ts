/** Keeps the keyring as the database has it: looks every second or two, and at once when Postgres says so. */
import { failureFields, isServerAnswer } from "../store/failure.ts";
import { isWorthALine } from "../store/retry.ts";
import type { Log } from "../telemetry/log.ts";
import type { KeySnapshot } from "./key-snapshot.ts";
import type { Keyring } from "./keyring.ts";
import type { StoredKey } from "./types.ts";

/** With the seconds that a connection may take to be found dead, less than 5 s. */
const POLL_MS = 1_500;
/** Until the keys are known for the first time. */
const FIRST_POLLS_MS = 100;
const UNDEFINED_TABLE = "42P01";

export type KeyWatcherOptions = Readonly<{
  keyring: Keyring;
  /** Differs after every change; "" before the first key. */
  readState(): Promise<string>;
  listHeld(): Promise<readonly StoredKey[]>;
  /** Has `onNews` called when the database says that keys have changed; absent: the one process knows by itself. */
  listen?: (onNews: () => void) => Readonly<{ close(): Promise<void> }>;
  /** Is given what was read, to be kept for a start without the database; absent: it is always there. */
  keep?: (snapshot: KeySnapshot) => Promise<void>;
  log: Log;
}>;

export class KeyWatcher {
  readonly #options: KeyWatcherOptions;
  readonly #known = Promise.withResolvers<void>();
  readonly #listener: Readonly<{ close(): Promise<void> }> | undefined;
  #state: string | undefined;
  #isStopped = false;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;

  constructor(options: KeyWatcherOptions) {
    this.#options = options;
    void this.look();
    this.#listener = options.listen?.(() => void this.look());
  }

  /** Resolves once the keys have been read for the first time. */
  get known(): Promise<void> {
    return this.#known.promise;
  }

  /** Looks now. Never rejects. */
  async look(): Promise<void> {
    while (this.#looking !== undefined) await this.#looking; // it may have begun before what is to be seen
    this.#looking = this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await Promise.allSettled([this.#looking, this.#listener?.close()]);
  }

  async #look(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      await this.#read();
      this.#failures = 0;
      this.#known.resolve();
    } catch (error) {
      this.#complain(error);
    }
    if (this.#isStopped) return;
    const afterMs = this.#state === undefined ? FIRST_POLLS_MS : POLL_MS;
    this.#timer = setTimeout(() => void this.look(), afterMs).unref();
  }

  async #read(): Promise<void> {
    const { readState, listHeld, keyring, keep, log } = this.#options;
    const state = await readState();
    if (state === this.#state) return;
    const snapshot = { keys: await listHeld(), wasEverUsed: state !== "" };
    const strangers = keyring.replace(snapshot.keys, snapshot.wasEverUsed);
    this.#state = state;
    await keep?.(snapshot).catch((error: unknown) =>
      log.warn("the keys could not be kept on disk", failureFields(error)),
    );
    if (strangers > 0) {
      log.error("keys cannot be checked: they were made with another MODELTIER_KEY_PEPPER than is set here", {
        keys: strangers,
      });
    }
  }

  /** Tables that are not there yet are being made, and whoever makes them says what is in the way. */
  #complain(error: unknown): void {
    const areOnTheirWay =
      this.#state === undefined && isServerAnswer(error) && error.code === UNDEFINED_TABLE;
    if (areOnTheirWay || this.#isStopped) return;
    this.#failures += 1;
    if (!isWorthALine(this.#failures)) return;
    const fields = { ...failureFields(error), failures: this.#failures };
    this.#options.log.warn("API keys could not be read; those that are known stay", fields);
  }
}
