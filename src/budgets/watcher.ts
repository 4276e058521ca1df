/** Keeps a replica's budgets as the database has them: a look about every second, and at once when Postgres says so. */
import pg from "pg";
import { BUDGETS_CHANNEL } from "../store/budgets.ts";
import { failureFields, isServerAnswer } from "../store/failure.ts";
import { isWorthALine } from "../store/retry.ts";
import type { Log } from "../telemetry/log.ts";
import type { Budgets } from "./budgets.ts";
import type { BudgetState } from "./types.ts";

const POLL_MS = 1_000;
/** Until the budgets are known for the first time. */
const FIRST_POLLS_MS = 100;
const CONNECT_MS = 5_000;
const LISTEN_AGAIN_MS = 1_000;
const UNDEFINED_TABLE = "42P01";

export type WatcherOptions = Readonly<{
  budgets: Budgets;
  list(): Promise<readonly BudgetState[]>;
  /** Where Postgres can be listened to; absent: the embedded database, which has one process and need not tell it. */
  url?: string;
  replicaId: string;
  log: Log;
  /** Between two looks, once the budgets are known; absent: 1,000. */
  pollMs?: number;
}>;

export class BudgetWatcher {
  readonly #options: WatcherOptions;
  readonly #known = Promise.withResolvers<void>();
  #isKnown = false;
  #isStopped = false;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #listener: pg.Client | undefined;
  #listenTimer: NodeJS.Timeout | undefined;

  constructor(options: WatcherOptions) {
    this.#options = options;
    void this.look();
    if (options.url !== undefined) void this.#listen(options.url);
  }

  /** Resolves once the budgets have been read for the first time. */
  get known(): Promise<void> {
    return this.#known.promise;
  }

  /** Reads the budgets now. Never rejects. */
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
    clearTimeout(this.#listenTimer);
    await Promise.allSettled([this.#looking, this.#listener?.end()]);
  }

  async #look(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      const states = await this.#options.list();
      this.#options.budgets.update(states);
      this.#failures = 0;
      this.#isKnown = true;
      this.#known.resolve();
    } catch (error) {
      this.#complain(error);
    }
    if (this.#isStopped) return;
    this.#timer = setTimeout(
      () => void this.look(),
      this.#isKnown ? (this.#options.pollMs ?? POLL_MS) : FIRST_POLLS_MS,
    ).unref();
  }

  /** Tables that are not there yet are being made, and whoever makes them says what is in the way. */
  #complain(error: unknown): void {
    const areOnTheirWay = !this.#isKnown && isServerAnswer(error) && error.code === UNDEFINED_TABLE;
    if (areOnTheirWay || this.#isStopped) return;
    this.#failures += 1;
    if (!isWorthALine(this.#failures)) return;
    const fields = { ...failureFields(error), failures: this.#failures };
    this.#options.log.warn("Budgets could not be read", fields);
  }

  async #listen(url: string): Promise<void> {
    const client = new pg.Client({
      connectionString: url,
      application_name: "modeltier",
      connectionTimeoutMillis: CONNECT_MS,
      keepAlive: true,
    });
    let isOver = false;
    const again = (): void => {
      if (isOver) return;
      isOver = true;
      client.end().catch(() => undefined);
      if (this.#isStopped) return;
      this.#listenTimer = setTimeout(() => void this.#listen(url), LISTEN_AGAIN_MS).unref();
    };
    client.on("error", again).on("end", again);
    client.on("notification", ({ payload = "" }) => this.#hear(payload));
    this.#listener = client;
    try {
      await client.connect();
      await client.query(`listen ${BUDGETS_CHANNEL}`);
      void this.look(); // for what was said while nobody listened
    } catch {
      again(); // the poll, which does without it, says that the database is away
    }
  }

  /** "changed", or "recall", the replica that asks and the budget. */
  #hear(payload: string): void {
    const [word, replicaId, budgetId] = payload.split(" ");
    if (word === "changed") void this.look();
    else if (word === "recall" && budgetId !== undefined && replicaId !== this.#options.replicaId) {
      this.#options.budgets.recall(budgetId);
    }
  }
}
