/**
 * Gauges of budgets, read when they are scraped. Money is in US dollars here; the labels are the operator's own words.
 * What several workers have set aside is added up; limit and spent are the same for all of them.
 */
import { Gauge, type Registry } from "prom-client";
import type { Account } from "../budgets/account.ts";

/** "usd" or "tokens". */
export const unitLabel = ({ id }: Pick<Account, "id">): string => (id.unit === "nano_usd" ? "usd" : id.unit);

/** @param list the accounts there are at the moment */
export function addBudgetGauges(registry: Registry, list: () => readonly Account[]): void {
  const gauge = (name: string, help: string, aggregator: "max" | "sum", read: (account: Account) => bigint) =>
    new Gauge({
      aggregator,
      name: `modeltier_budget_${name}`,
      help,
      labelNames: ["budget", "unit"],
      registers: [registry],
      collect() {
        this.reset();
        for (const account of list()) {
          this.set({ budget: account.id.budgetId, unit: unitLabel(account) }, inUnit(account, read(account)));
        }
      },
    });
  gauge(
    "limit",
    "What a budget allows in a period, in US dollars or tokens.",
    "max",
    ({ state }) => state.limit,
  );
  gauge(
    "spent",
    "What is recorded as spent in the period, by all replicas.",
    "max",
    ({ state }) => state.spent,
  );
  gauge(
    "reserved",
    "What this replica has set aside for attempts that run; 0 when it is idle.",
    "sum",
    ({ reserved }) => reserved,
  );
}

const inUnit = ({ id }: Account, amount: bigint): number =>
  id.unit === "nano_usd" ? Number(amount) / 1e9 : Number(amount);
