/** The accounts that one call counts towards: set aside at all of them or at none. */

import type { WorstCase } from "../routing/funds.ts";
import type { Fund } from "../routing/types.ts";
import type { Account, Hold } from "./account.ts";
import type { LeaseKeeper, Patience } from "./lease-keeper.ts";
import type { Amounts, BudgetCharge } from "./types.ts";

/** Set aside for one attempt, at every account. Must be settled; an attempt that never began cost nothing. */
export type Reservation = Readonly<{
  /** Returns the difference, once. @returns what to charge */
  settle(cost: Amounts): readonly BudgetCharge[];
}>;

export type CallAccountsOptions = Readonly<{
  accounts: readonly Account[];
  keeper: LeaseKeeper;
  nowMs(): number;
  /** What becomes of a call when its slices are empty and the database is away. */
  withoutDatabase: "refuse" | "allow";
  onRefusal(budgetId: string): void;
}>;

export class CallAccounts {
  readonly #options: CallAccountsOptions;
  /** The database is away, and the operator lets calls pass then. */
  #isUnbacked = false;

  constructor(options: CallAccountsOptions) {
    this.#options = options;
  }

  /** At once, from what is held here; undefined where that is not enough, or the cost cannot be bounded. */
  reserve(worst: WorstCase): Reservation | undefined {
    const { accounts, keeper, nowMs } = this.#options;
    const now = nowMs();
    const hasRoom = accounts.every((account) => hasRoomAt(account, worst, now));
    if (!hasRoom)
      return this.#isUnbacked && isBounded(accounts, worst) ? this.#reserveUnbacked(worst) : undefined;
    const holds = accounts.map((account) => account.hold(worst[account.id.unit] ?? 0n, now));
    for (const account of accounts) keeper.topUp(account);
    return reservationOf(accounts, holds);
  }

  /**
   * Waits until it can be set aside.
   * @returns "short" when the budgets do not cover it, or cannot tell; "unavailable" when the database is away and the
   *   operator wants calls refused then
   */
  async acquire(worst: WorstCase, patience: Patience): Promise<Reservation | "short" | "unavailable"> {
    if (!isBounded(this.#options.accounts, worst)) return "short";
    for (;;) {
      const reservation = this.reserve(worst);
      if (reservation !== undefined) return reservation;
      const room = await this.#makeRoom(worst, patience);
      if (room === "away" && this.#options.withoutDatabase === "refuse") return "unavailable";
      if (room === "away") this.#isUnbacked = true;
      else if (!room) return "short";
    }
  }

  /** Sees to it, as far as that goes without waiting for other replicas, that this much can be set aside at once. */
  async prepare(worst: WorstCase, signal: AbortSignal): Promise<void> {
    await this.#makeRoom(worst, { untilMs: 0, signal });
  }

  /** What is left for the call at each account, as far as is known. */
  left(): readonly Fund[] {
    const now = this.#options.nowMs();
    return this.#options.accounts
      .filter(({ isGone }) => !isGone)
      .map((account) => ({ ...account.id, left: account.left(now) }));
  }

  /** The call was refused on account of these. */
  noteRefusal(budgetIds: readonly string[]): void {
    for (const budgetId of budgetIds) this.#options.onRefusal(budgetId);
  }

  /** What is known to be left does not cover this. */
  isShortOf(worst: WorstCase): boolean {
    return this.left().some(({ unit, left }) => (worst[unit] ?? left + 1n) > left);
  }

  async #makeRoom(worst: WorstCase, patience: Patience): Promise<boolean | "away"> {
    const { accounts, keeper } = this.#options;
    try {
      for (const account of accounts) {
        if (!(await keeper.makeRoom(account, worst[account.id.unit] ?? 0n, patience))) return false;
      }
      return true;
    } catch {
      return "away"; // the poll that runs beside this says why
    }
  }

  #reserveUnbacked(worst: WorstCase): Reservation {
    const { accounts } = this.#options;
    const holds = accounts.map((account) => account.holdUnbacked(worst[account.id.unit] ?? 0n));
    return reservationOf(accounts, holds);
  }
}

const isBounded = (accounts: readonly Account[], worst: WorstCase): boolean =>
  accounts.every(({ id, isGone }) => isGone || worst[id.unit] !== undefined);

function hasRoomAt(account: Account, worst: WorstCase, nowMs: number): boolean {
  const amount = worst[account.id.unit];
  return amount === undefined ? account.isGone : account.hasRoomFor(amount, nowMs);
}

const reservationOf = (accounts: readonly Account[], holds: readonly Hold[]): Reservation => ({
  settle: (cost) =>
    holds.flatMap((hold, index) => hold.settle(cost[accounts[index]?.id.unit ?? "tokens"]) ?? []),
});
