/** The words of budgets. Amounts are bigints in the account's own unit: nano-USD (1e-9 USD) or tokens. Plain data. */

/** Whose calls count. Open: another kind is another member here, another case in `scope-index.ts` and in the contract. */
export type BudgetScope = Readonly<
  | { kind: "global" }
  | { kind: "agent"; agentId: string }
  | { kind: "label"; key: string; value: string }
  | { kind: "key"; keyId: string }
>;

/** After which a budget starts anew: UTC, by the database's clock; `total` never does. */
export const BUDGET_PERIODS = ["day", "month", "total"] as const;
export type BudgetPeriod = (typeof BUDGET_PERIODS)[number];

export const BUDGET_UNITS = ["nano_usd", "tokens"] as const;
export type BudgetUnit = (typeof BUDGET_UNITS)[number];

export type Budget = Readonly<{
  /** The operator's own word, up to 64 characters; also the label of its metrics. */
  budgetId: string;
  scope: BudgetScope;
  period: BudgetPeriod;
  /** One limit at least; each unit is an account of its own. >= 0. */
  limits: Readonly<Partial<Record<BudgetUnit, bigint>>>;
}>;

/** What one account stands at in its current period. */
export type AccountState = Readonly<{
  unit: BudgetUnit;
  limit: bigint;
  /** Recorded. */
  spent: bigint;
  /** In slices that replicas hold and that have not expired. */
  leased: bigint;
  /** When somebody last asked for unused slices back, in ms of the database's clock, and which replica; absent: nobody. */
  recall?: Readonly<{ atMs: number; by: string }>;
}>;

export type BudgetState = Readonly<{ budget: Budget; accounts: readonly AccountState[] }>;

/** What may still be leased; never below 0, though a limit may have been lowered under what is spent. */
export function remainingOf({ limit, spent, leased }: AccountState): bigint {
  const remaining = limit - spent - leased;
  return remaining > 0n ? remaining : 0n;
}

export type AccountId = Readonly<{ budgetId: string; unit: BudgetUnit }>;

/** Where a slice comes from: one period of one account. */
export type PeriodStart = Readonly<{ period: BudgetPeriod; startsAt: Date }>;

/** What one execution cost one account. */
export type BudgetCharge = AccountId &
  Readonly<{
    amount: bigint;
    /** The slice it was spent from, and the period that it belongs to. Absent: it was made without the database. */
    from?: PeriodStart & Readonly<{ leaseId: string }>;
  }>;

/** Amounts by unit, for example the worst case or the true cost of an attempt. */
export type Amounts = Readonly<Record<BudgetUnit, bigint>>;
