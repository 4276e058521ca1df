/** Budgets in memory, with the rules of the store's queries and without a database: for tests of what stands on them. */
import type { LeaseReply, LeaseWish } from "../../store/budget-leases.ts";
import { Budgets, type BudgetsOptions } from "../budgets.ts";
import type { LeaseStore } from "../lease-keeper.ts";
import type { AccountState, Budget, BudgetCharge, BudgetState } from "../types.ts";

type Lease = { key: string; amount: bigint };
const keyOf = ({ budgetId, unit }: Pick<LeaseWish, "budgetId" | "unit">): string => `${unit} ${budgetId}`;

export class MemoryStore implements LeaseStore {
  readonly leases = new Map<string, Lease>();
  readonly spent = new Map<string, bigint>();
  readonly #budgets: readonly Budget[];
  readonly #replicas: Budgets[] = [];
  /** Whether every question fails. */
  isAway = false;
  /** Questions for slices so far. */
  asked = 0;

  constructor(budgets: readonly Budget[]) {
    this.#budgets = budgets;
  }

  /** A replica that knows the budgets. */
  addReplica(options: Partial<BudgetsOptions> = {}): Budgets {
    let ids = 0;
    const replicaId = `replica-${this.#replicas.length}`;
    const replica = new Budgets({
      store: this,
      replicaId,
      leaseMs: 60_000,
      withoutDatabase: "refuse",
      onOverrun: () => {},
      onRefusal: () => {},
      nowMs: () => performance.now(),
      newId() {
        ids += 1;
        return `${replicaId}-${ids}`;
      },
      log: { info() {}, warn() {}, error() {} },
      ...options,
    });
    replica.update(this.states());
    this.#replicas.push(replica);
    return replica;
  }

  states(): readonly BudgetState[] {
    return this.#budgets.map((budget) => ({ budget, accounts: this.#accountsOf(budget) }));
  }

  async lease({ leaseId, extend, need, want, replicaId, ...id }: LeaseWish): Promise<LeaseReply | "lost"> {
    this.asked += 1;
    await this.#answer();
    const key = keyOf(id);
    const held = this.leases.get(leaseId);
    if (extend && held === undefined) return "lost";
    const remaining = this.remaining(key);
    const granted = remaining < need ? 0n : least(remaining, most(need, least(want, remaining / 8n)));
    if (extend || granted > 0n) this.leases.set(leaseId, { key, amount: (held?.amount ?? 0n) + granted });
    const elsewhere = this.#sum(key, (other) => other !== leaseId);
    if (remaining < need && elsewhere > 0n) this.#recall(id.budgetId, replicaId);
    const period = { period: "total" as const, startsAt: new Date(0) };
    return { granted, remaining: remaining - granted, elsewhere, period };
  }

  async renew(leaseIds: readonly string[]): Promise<ReadonlySet<string>> {
    await this.#answer();
    return new Set(leaseIds.filter((leaseId) => this.leases.has(leaseId)));
  }

  async giveBack({ leaseId, amount }: Readonly<{ leaseId: string; amount: bigint }>): Promise<void> {
    await this.#answer();
    const lease = this.leases.get(leaseId);
    if (lease !== undefined) lease.amount -= amount;
  }

  /** What the recorder does with charges. */
  charge(charges: readonly BudgetCharge[]): void {
    for (const charge of charges) {
      const key = keyOf(charge);
      this.spent.set(key, (this.spent.get(key) ?? 0n) + charge.amount);
      const lease = charge.from && this.leases.get(charge.from.leaseId);
      if (lease !== undefined) lease.amount -= least(lease.amount, charge.amount);
    }
  }

  remaining(key: string): bigint {
    const [unit, budgetId] = key.split(" ") as ["nano_usd" | "tokens", string];
    const limit = this.#budgets.find((one) => one.budgetId === budgetId)?.limits[unit] ?? 0n;
    return most(0n, limit - (this.spent.get(key) ?? 0n) - this.#sum(key, () => true));
  }

  async #answer(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.isAway) throw new Error("the store is away");
  }

  #recall(budgetId: string, by: string): void {
    this.#replicas.forEach((replica, index) => {
      if (`replica-${index}` !== by) replica.recall(budgetId);
    });
  }

  #accountsOf({ budgetId, limits }: Budget): readonly AccountState[] {
    return (["nano_usd", "tokens"] as const).flatMap((unit) => {
      const limit = limits[unit];
      const key = keyOf({ budgetId, unit });
      if (limit === undefined) return [];
      return { unit, limit, spent: this.spent.get(key) ?? 0n, leased: this.#sum(key, () => true) };
    });
  }

  #sum(key: string, isCounted: (leaseId: string) => boolean): bigint {
    let sum = 0n;
    for (const [leaseId, lease] of this.leases)
      if (lease.key === key && isCounted(leaseId)) sum += lease.amount;
    return sum;
  }
}

const least = (one: bigint, other: bigint): bigint => (one < other ? one : other);
const most = (one: bigint, other: bigint): bigint => (one > other ? one : other);
