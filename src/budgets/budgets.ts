/** The budgets of one replica: which there are, what each has here, and the accounts of a call. */
import { Account } from "./account.ts";
import { CallAccounts } from "./call-accounts.ts";
import { LeaseKeeper, type LeaseKeeperOptions } from "./lease-keeper.ts";
import { type Labels, ScopeIndex } from "./scope-index.ts";
import type { AccountId, BudgetState } from "./types.ts";

export type BudgetsOptions = LeaseKeeperOptions &
  Readonly<{
    withoutDatabase: "refuse" | "allow";
    /** An attempt cost more than was set aside for it. */
    onOverrun(id: AccountId): void;
    /** A budget refused a call. */
    onRefusal(budgetId: string): void;
  }>;

export class Budgets {
  readonly #options: BudgetsOptions;
  readonly #keeper: LeaseKeeper;
  #accounts = new Map<string, Account>();
  #index = new ScopeIndex<readonly Account[]>([]);
  /** By account: the recall that was answered last, in ms of the database's clock. */
  readonly #answeredMs = new Map<string, number>();

  constructor(options: BudgetsOptions) {
    this.#options = options;
    this.#keeper = new LeaseKeeper(options, () => this.#accounts.values());
  }

  /**
   * The accounts that a call counts towards; undefined: none. Costs nothing while no budget is set.
   * @param keyId of whoever asks; "": callers are not told apart
   */
  find(agentId: string, labels: Labels, keyId = ""): CallAccounts | undefined {
    if (this.#index.isEmpty) return undefined;
    const accounts = this.#index.list(agentId, labels, keyId).flat();
    if (accounts.length === 0) return undefined;
    return new CallAccounts({ ...this.#options, accounts, keeper: this.#keeper });
  }

  list(): readonly Account[] {
    return [...this.#accounts.values()];
  }

  /** Takes in the budgets as they are now, and gives back what others have asked for since. */
  update(states: readonly BudgetState[]): void {
    const accounts = new Map<string, Account>();
    const entries = states.map(({ budget, accounts: ofBudget }) => {
      const entry = ofBudget.map((state) => {
        const account = this.#accountOf({ budgetId: budget.budgetId, unit: state.unit }, state);
        accounts.set(keyOf(account.id), account);
        this.#answerRecall(account);
        return account;
      });
      return { scope: budget.scope, entry };
    });
    this.#drop(accounts);
    this.#accounts = accounts;
    this.#index = new ScopeIndex(entries);
  }

  /** Another replica wants unused slices of a budget back. */
  recall(budgetId: string): void {
    for (const account of this.#accounts.values()) {
      if (account.id.budgetId === budgetId) void this.#keeper.giveBack(account);
    }
  }

  close(): Promise<void> {
    return this.#keeper.close();
  }

  #accountOf(id: AccountId, state: BudgetState["accounts"][number]): Account {
    const known = this.#accounts.get(keyOf(id));
    if (known === undefined || known.isGone) return new Account(id, state, this.#options.onOverrun);
    const isLowered = state.limit < known.state.limit;
    known.update(state);
    if (isLowered) void this.#keeper.giveBack(known); // what was leased of the old limit counts no more
    return known;
  }

  #answerRecall({ id, state }: Account): void {
    const { recall } = state;
    const key = keyOf(id);
    if (recall === undefined || recall.atMs <= (this.#answeredMs.get(key) ?? 0)) return;
    this.#answeredMs.set(key, recall.atMs);
    if (recall.by !== this.#options.replicaId) this.recall(id.budgetId);
  }

  /** Calls under way keep an account that is gone to their end; nothing is held against it any more. */
  #drop(kept: ReadonlyMap<string, Account>): void {
    for (const [key, account] of this.#accounts) {
      if (kept.get(key) === account) continue;
      account.isGone = true;
      this.#answeredMs.delete(key);
    }
  }
}

const keyOf = ({ budgetId, unit }: AccountId): string => `${unit} ${budgetId}`;
