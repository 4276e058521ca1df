/** Puts into force what was published elsewhere: at once when it is told, and within seconds when it is not. */
import { setTimeout as sleep } from "node:timers/promises";
import { failureFields } from "../store/failure.ts";
import { backOff, isWorthALine } from "../store/retry.ts";
import type { Log, LogFields } from "../telemetry/log.ts";
import type { ActiveConfig } from "./active-config.ts";
import type { ConfigVersions } from "./config-versions.ts";
import { UnusableVersionError } from "./errors.ts";

export type FollowerOptions = Readonly<{
  versions: Pick<ConfigVersions, "findNewer">;
  active: ActiveConfig;
  log: Log;
  random?: () => number;
  /** The longest between two polls, of which the second half is random. */
  pollMs?: number;
}>;

/** With a second for a connection that fell silent, and another for the one that takes its place, less than 5 s. */
const POLL_MS = 2_500;

export class ConfigFollower {
  readonly #options: FollowerOptions;
  readonly #stopping = new AbortController();
  #refreshing: Promise<void> | undefined;
  #isToldAgain = false;
  #failures = 0;
  #hasHeard = false;
  /** A version that cannot be run here is said once, not at every poll. */
  #refused: number | undefined;
  #polling: Promise<void> | undefined;

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** The database has said at least once what is published. */
  get hasHeard(): boolean {
    return this.#hasHeard;
  }

  /** Looks whether there is a newer version. News that come while it looks make it look once more. Never rejects. */
  refresh(): Promise<void> {
    if (this.#refreshing !== undefined) {
      this.#isToldAgain = true;
      return this.#refreshing;
    }
    this.#refreshing = this.#refreshUntilQuiet().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** Polls until it is stopped; sooner while the database does not answer. */
  poll(): void {
    this.#polling ??= this.#poll();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([this.#refreshing, this.#polling]);
  }

  async #poll(): Promise<void> {
    const { random = Math.random, pollMs = POLL_MS } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      if (this.#failures > 0) await backOff(this.#failures, random(), signal);
      else
        await sleep((pollMs * (1 + random())) / 2, undefined, { signal, ref: false }).catch(() => undefined);
      if (!signal.aborted) await this.refresh();
    }
  }

  async #refreshUntilQuiet(): Promise<void> {
    do {
      this.#isToldAgain = false;
      await this.#refreshOnce();
    } while (this.#isToldAgain && !this.#stopping.signal.aborted);
  }

  async #refreshOnce(): Promise<void> {
    const { versions, active, log } = this.#options;
    if (this.#stopping.signal.aborted) return;
    try {
      const next = await versions.findNewer();
      this.#failures = 0;
      this.#hasHeard = true;
      if (next !== undefined) active.replace(next);
    } catch (error) {
      if (error instanceof UnusableVersionError) return this.#refuse(error);
      this.#failures += 1;
      if (isWorthALine(this.#failures)) {
        const fields: LogFields = { ...failureFields(error), failures: this.#failures };
        log.warn("the newest configuration could not be read; the one in force stays", fields);
      }
    }
  }

  #refuse({ version, problems }: UnusableVersionError): void {
    this.#failures = 0;
    this.#hasHeard = true;
    if (this.#refused === version) return;
    this.#refused = version;
    this.#options.log.error("a published configuration cannot be run here; the one in force stays", {
      config_version: version,
      problems: problems.map(({ path, message }) => `${path} ${message}`).join("; "),
    });
  }
}
