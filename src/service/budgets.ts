/** The budgets of this process, put together: the store, what it tells, and the metrics. */
import { randomUUID } from "node:crypto";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { Budgets } from "../budgets/budgets.ts";
import type { Budget } from "../budgets/types.ts";
import { BudgetWatcher } from "../budgets/watcher.ts";
import type { Settings } from "../settings/settings.ts";
import { giveBack, leaseSlice, renewLeases } from "../store/budget-leases.ts";
import { deleteBudget, listBudgetStates, setBudget } from "../store/budgets.ts";
import type { OpenDatabase } from "../store/database.ts";
import { addBudgetGauges } from "../telemetry/budget-metrics.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";

/** A start does not wait longer for the budgets: Postgres may be away, and calls without a budget do not need it. */
const KNOWN_WITHIN_MS = 3_000;

export type BudgetParts = Readonly<{
  settings: Settings;
  database: Pick<OpenDatabase, "db" | "engine">;
  metrics: Metrics;
  log: Log;
}>;

export async function startBudgets({ settings, database: { db, engine }, metrics, log }: BudgetParts) {
  const replicaId = randomUUID();
  const budgets = new Budgets({
    store: {
      lease: (wish) => leaseSlice(db, wish),
      renew: (leaseIds, leaseMs) => renewLeases(db, leaseIds, leaseMs),
      giveBack: (part) => giveBack(db, part),
    },
    replicaId,
    leaseMs: settings.budgetLeaseMs,
    withoutDatabase: settings.budgetWithoutDatabase,
    onOverrun: ({ budgetId: budget, unit }) =>
      metrics.budgetOverruns.inc({ budget, unit: unit === "nano_usd" ? "usd" : unit }),
    onRefusal: (budget) => metrics.budgetRefusals.inc({ budget }),
    nowMs: () => performance.now(),
    newId: randomUUID,
    log,
  });
  const list = () => listBudgetStates(db);
  const url = engine === "postgres" ? settings.databaseUrl : undefined;
  const watcher = new BudgetWatcher({ budgets, list, ...(url !== undefined && { url }), replicaId, log });
  addBudgetGauges(metrics.registry, () => budgets.list());
  const isKnown = watcher.known.then(() => true);
  const late = sleep(KNOWN_WITHIN_MS, false, { ref: false });
  if (!(await Promise.race([isKnown, late]))) {
    log.warn("Budgets are not known yet: the database does not answer. Calls are not limited until it does");
  }
  return {
    budgets,
    /** What operators may do. This process knows of it at once. */
    admin: {
      list,
      set: async (budget: Budget, author: string): Promise<boolean> => {
        const isSet = await setBudget(db, budget, author);
        await watcher.look();
        return isSet;
      },
      delete: async (budgetId: string, author: string): Promise<boolean> => {
        const isDeleted = await deleteBudget(db, budgetId, author);
        await watcher.look();
        return isDeleted;
      },
    },
    /** Gives all slices back. Call it once the last records are written. */
    async close(): Promise<void> {
      await watcher.stop();
      await budgets.close();
    },
  };
}
