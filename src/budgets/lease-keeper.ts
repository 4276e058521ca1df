/** Gets slices, keeps them and gives them back. All that waits for the database is here. */
import { setTimeout as sleep } from "node:timers/promises";
import type { LeaseReply, LeaseWish } from "../store/budget-leases.ts";
import { failureFields, isContention } from "../store/failure.ts";
import type { Log } from "../telemetry/log.ts";
import { type Account, Slice } from "./account.ts";

/** Where slices come from. Each may reject, and then what became of it is not known. */
export type LeaseStore = Readonly<{
  lease(wish: LeaseWish): Promise<LeaseReply | "lost" | "gone">;
  renew(leaseIds: readonly string[], leaseMs: number): Promise<ReadonlySet<string>>;
  giveBack(part: Readonly<{ leaseId: string; amount: bigint }>): Promise<void>;
}>;

export type LeaseKeeperOptions = Readonly<{
  store: LeaseStore;
  replicaId: string;
  /** How long a slice outlives the replica that holds it. */
  leaseMs: number;
  /** Monotonic, in ms. */
  nowMs(): number;
  newId(): string;
  log: Log;
}>;

/** A slice is good for so many attempts like the last one; below so many it is made larger, in the background. */
const AHEAD = 16n;
const LOW = 4n;
/** Our clock and the database's may run at a different pace, and its answer takes its time. */
const USABLE_PORTION = 0.9;
const RENEWALS_PER_LEASE = 4;
/**
 * After so many leases' time a slice is replaced. The database may hold more of it than we do, after a reply or a record
 * that was lost; that comes free with the slice.
 */
const LEASES_PER_SLICE = 5;
/** Between two looks at whether other replicas have given something back. */
const RECALL_PAUSE_MS = 25;
/** A database that has not answered by then is away, as far as a call is concerned. */
const PATIENCE_MS = 1_000;

/** Until when to wait for others, on the monotonic clock; aborted: no longer. */
export type Patience = Readonly<{ untilMs: number; signal: AbortSignal }>;

export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  readonly #asking = new Map<Account, Question>();
  #questions = 0;
  readonly #givingBack = new Set<Promise<void>>();
  readonly #accounts: () => Iterable<Account>;
  readonly #timer: NodeJS.Timeout;
  #pause: Promise<void> | undefined;

  constructor(options: LeaseKeeperOptions, accounts: () => Iterable<Account>) {
    this.#options = options;
    this.#accounts = accounts;
    this.#timer = setInterval(() => void this.renew(), options.leaseMs / RENEWALS_PER_LEASE).unref();
  }

  /**
   * Makes room for an amount. When the rest of the account does not cover it but other replicas hold slices, these are asked
   * for, and the wait is as long as it may be.
   * @returns whether there is room now. @throws when the database does not answer
   */
  async makeRoom(account: Account, amount: bigint, patience: Patience): Promise<boolean> {
    while (!(await this.#leaseFor(account, amount, patience.signal))) {
      const isOver = patience.signal.aborted || this.#options.nowMs() >= patience.untilMs;
      if (isOver || account.elsewhere <= 0n) return false;
      this.#pause ??= sleep(RECALL_PAUSE_MS).finally(() => {
        this.#pause = undefined;
      });
      await this.#pause;
    }
    return true;
  }

  /** Called after something was set aside: gets more before it is needed. Nobody waits for it. */
  topUp(account: Account): void {
    const isLow = account.free(this.#options.nowMs()) < account.lastAmount * LOW;
    if (!isLow || account.isGone || account.leasable <= 0n || this.#asking.has(account)) return;
    this.#ask(account, 0n).answer.catch((error) =>
      this.#complain("A budget's slice could not be made larger", error),
    );
  }

  /** Gives back all of an account that is not set aside. */
  async giveBack(account: Account): Promise<void> {
    const part = account.takeFree();
    if (part !== undefined) await this.#return(part);
  }

  /** Keeps the slices that are used, and gives back those that are not. */
  async renew(): Promise<void> {
    const nowMs = this.#options.nowMs();
    const kept = new Map<string, Account>();
    const idle: Account[] = [];
    for (const account of this.#accounts()) {
      const { slice } = account;
      if (slice === undefined) continue;
      if (slice.reserved > 0n || (slice.wasUsed && this.#isYoung(slice, nowMs)))
        kept.set(slice.leaseId, account);
      else idle.push(account);
      slice.wasUsed = false;
    }
    await Promise.all([this.#keep(kept), ...idle.map((account) => this.giveBack(account))]);
  }

  /** Gives everything back. What is set aside then stays leased until it expires. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    const asking = [...this.#asking.values()].map(({ answer }) => answer);
    await Promise.allSettled([...asking, ...this.#givingBack]);
    await Promise.all([...this.#accounts()].map((account) => this.giveBack(account)));
  }

  async #return(part: Readonly<{ leaseId: string; amount: bigint }>): Promise<void> {
    // It may be given back all the same, so it is not put back: at the latest it comes free when it expires.
    const giving = this.#options.store
      .giveBack(part)
      .catch((error: unknown) => this.#complain("A budget's slice could not be given back", error));
    this.#givingBack.add(giving);
    await giving;
    this.#givingBack.delete(giving);
  }

  /**
   * Leases what is missing. Those who ask at once share one question, but that there is too little is believed only of one
   * that was asked since: before that a slice, or a period, may have ended.
   * @returns whether there is room now
   */
  async #leaseFor(account: Account, amount: bigint, caller: AbortSignal): Promise<boolean> {
    const { nowMs } = this.#options;
    const askedBefore = this.#questions;
    while (!account.hasRoomFor(amount, nowMs())) {
      const { number, answer } = this.#asking.get(account) ?? this.#ask(account, amount);
      const { remaining } = await inTime(answer, caller);
      const isShort = remaining + account.free(nowMs()) < amount && !account.hasRoomFor(amount, nowMs());
      if (isShort && number > askedBefore) return false;
    }
    return true;
  }

  /** @param amount what there is to be room for; 0n: as much as would be good */
  #ask(account: Account, amount: bigint): Question {
    this.#questions += 1;
    const answer = this.#lease(account, amount).finally(() => this.#asking.delete(account));
    const question = { number: this.#questions, answer };
    this.#asking.set(account, question);
    return question;
  }

  async #lease(account: Account, amount: bigint): Promise<Answer> {
    const { store, replicaId, leaseMs, nowMs, newId } = this.#options;
    for (;;) {
      await this.#retire(account);
      const sentAtMs = nowMs();
      const held = account.usableSlice(sentAtMs);
      const missing = amount - account.free(sentAtMs);
      const need = missing > 0n ? missing : 0n;
      const leaseId = held?.leaseId ?? newId();
      const usual = amount > account.lastAmount ? amount : account.lastAmount;
      const wish = { ...account.id, leaseId, extend: held !== undefined, replicaId, leaseMs };
      const reply = await onceMoreIfContended(() => store.lease({ ...wish, need, want: usual * AHEAD }));
      if (reply === "lost") {
        if (account.slice === held) account.slice = undefined;
        continue;
      }
      if (reply === "gone") {
        account.isGone = true;
        return { remaining: 0n };
      }
      account.leasable = reply.remaining;
      account.elsewhere = reply.elsewhere;
      const periodEndsMs = sentAtMs + (reply.periodMsLeft ?? Number.POSITIVE_INFINITY);
      const slice = held ?? new Slice(leaseId, reply.period, sentAtMs, periodEndsMs);
      if (reply.granted > 0n || slice === held) {
        account.fill(slice, reply.granted, this.#usableUntilMs(slice, sentAtMs));
      }
      return reply;
    }
  }

  async #keep(slices: ReadonlyMap<string, Account>): Promise<void> {
    if (slices.size === 0) return;
    const { store, leaseMs, nowMs } = this.#options;
    const sentAtMs = nowMs();
    try {
      const there = await store.renew([...slices.keys()], leaseMs);
      for (const [leaseId, account] of slices) {
        const { slice } = account;
        if (slice?.leaseId !== leaseId) continue;
        if (there.has(leaseId)) slice.usableUntilMs = this.#usableUntilMs(slice, sentAtMs);
        else account.slice = undefined;
      }
    } catch (error) {
      this.#complain("Slices of budgets could not be renewed", error);
    }
  }

  /** Lets go of a slice that is to be replaced, first of all of what is free of it: that may be what is missing. */
  async #retire(account: Account): Promise<void> {
    const nowMs = this.#options.nowMs();
    const { slice } = account;
    if (slice === undefined || (nowMs < slice.usableUntilMs && this.#isYoung(slice, nowMs))) return;
    const part = account.takeFree();
    account.slice = undefined;
    if (part !== undefined) await this.#return(part);
  }

  #isYoung({ startedMs }: Slice, nowMs: number): boolean {
    return nowMs - startedMs < this.#options.leaseMs * LEASES_PER_SLICE;
  }

  /** A slice does not outlast its period. */
  #usableUntilMs(slice: Slice, sentAtMs: number): number {
    return Math.min(sentAtMs + this.#options.leaseMs * USABLE_PORTION, slice.periodEndsMs);
  }

  #complain(message: string, error: unknown): void {
    this.#options.log.warn(message, failureFields(error));
  }
}

type Answer = Pick<LeaseReply, "remaining">;
type Question = Readonly<{ number: number; answer: Promise<Answer> }>;

/** Nothing has come of a statement that gave way to another. */
async function onceMoreIfContended<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!isContention(error)) throw error;
    return ask();
  }
}

/** @throws when it takes longer than a call should wait for, or its caller has gone */
async function inTime(asking: Promise<Answer>, caller: AbortSignal): Promise<Answer> {
  const timer = new AbortController();
  try {
    const signal = AbortSignal.any([timer.signal, caller]);
    const late = sleep(PATIENCE_MS, undefined, { signal, ref: false });
    const first = await Promise.race([asking, late.then(() => undefined)]);
    if (first === undefined) throw new Error("the database has not answered in time");
    return first;
  } finally {
    timer.abort();
  }
}
