/** One limit of one budget as this replica has it: the slice it holds, and what of that is set aside. In memory, synchronous. */
import type { AccountId, AccountState, BudgetCharge, PeriodStart } from "./types.ts";
import { remainingOf } from "./types.ts";

/** Leased from one period of an account. Lives on after it was replaced, until what was set aside of it is settled. */
export class Slice {
  readonly leaseId: string;
  readonly period: PeriodStart;
  /** When it was leased, on the monotonic clock, as are the other times. */
  readonly startedMs: number;
  /** Not spent yet. Below 0 once attempts cost more than was set aside for them. */
  held = 0n;
  /** Set aside for attempts that run. */
  reserved = 0n;
  /** Nothing is set aside after it. Earlier than the lease's own end. */
  usableUntilMs = 0;
  readonly periodEndsMs: number;
  /** Something was set aside since it was last renewed. */
  wasUsed = true;

  constructor(leaseId: string, period: PeriodStart, startedMs: number, periodEndsMs: number) {
    this.leaseId = leaseId;
    this.period = period;
    this.startedMs = startedMs;
    this.periodEndsMs = periodEndsMs;
  }

  get free(): bigint {
    return this.held - this.reserved;
  }
}

/** Set aside for one attempt at one account, until it is settled, once. */
export type Hold = Readonly<{
  /** Returns the difference. @returns what to charge; undefined when it cost nothing */
  settle(cost: bigint): BudgetCharge | undefined;
}>;

export class Account {
  readonly id: AccountId;
  readonly #onOverrun: (id: AccountId) => void;
  /** The current one; absent: none was leased yet, or it is lost. */
  slice: Slice | undefined;
  /** For all attempts that run, whatever slice it was taken from. */
  reserved = 0n;
  /** May still be leased, as far as is known. */
  leasable = 0n;
  /** In the hands of other replicas, as of the last lease. */
  elsewhere = 0n;
  /** Of the last attempt. */
  lastAmount = 0n;
  state: AccountState;
  /** The budget was deleted or lost this limit: nothing is held against it any more. */
  isGone = false;

  /** @param onOverrun called when an attempt cost more than was set aside for it */
  constructor(id: AccountId, state: AccountState, onOverrun: (id: AccountId) => void) {
    this.id = id;
    this.state = state;
    this.#onOverrun = onOverrun;
    this.update(state);
  }

  /** Takes in what the database says. */
  update(state: AccountState): void {
    this.state = state;
    this.leasable = remainingOf(state);
  }

  usableSlice(nowMs: number): Slice | undefined {
    return this.slice !== undefined && nowMs < this.slice.usableUntilMs ? this.slice : undefined;
  }

  /** What can be set aside at once. */
  free(nowMs: number): bigint {
    return this.usableSlice(nowMs)?.free ?? 0n;
  }

  /** What a call could get, as far as is known: what is free here and what may still be leased. >= 0 */
  left(nowMs: number): bigint {
    const left = this.free(nowMs) + this.leasable;
    return left > 0n ? left : 0n;
  }

  hasRoomFor(amount: bigint, nowMs: number): boolean {
    return this.isGone || amount <= this.free(nowMs);
  }

  /** Sets an amount aside. Call only where there is room for it. */
  hold(amount: bigint, nowMs: number): Hold {
    const slice = this.isGone ? undefined : this.usableSlice(nowMs);
    if (slice !== undefined) {
      slice.reserved += amount;
      slice.wasUsed = true;
    }
    this.lastAmount = amount;
    return this.#hold(amount, slice);
  }

  /** Sets an amount aside of which nobody knows whether it is there. */
  holdUnbacked(amount: bigint): Hold {
    return this.#hold(amount, undefined);
  }

  /** Puts what was leased to the slice, which becomes the current one. */
  fill(slice: Slice, granted: bigint, usableUntilMs: number): void {
    slice.held += granted;
    slice.usableUntilMs = usableUntilMs;
    slice.wasUsed = true;
    this.slice = slice;
  }

  /** Takes out all that is not set aside, to be given back. */
  takeFree(): Readonly<{ leaseId: string; amount: bigint }> | undefined {
    const { slice } = this;
    if (slice === undefined || slice.free <= 0n) return undefined;
    const amount = slice.free;
    slice.held -= amount;
    return { leaseId: slice.leaseId, amount };
  }

  #hold(amount: bigint, slice: Slice | undefined): Hold {
    this.reserved += amount;
    let isSettled = false;
    return {
      settle: (cost) => {
        if (isSettled) return undefined;
        isSettled = true;
        this.reserved -= amount;
        if (slice !== undefined) {
          slice.reserved -= amount;
          slice.held -= cost;
        }
        if (cost > amount) this.#onOverrun(this.id);
        if (cost === 0n) return undefined;
        const from = slice && { ...slice.period, leaseId: slice.leaseId };
        return { ...this.id, amount: cost, ...(from && { from }) };
      },
    };
  }
}
