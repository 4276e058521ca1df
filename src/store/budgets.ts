/** Queries on budgets: what operators set, and what each stands at. All times are the database's own. */
import { type Kysely, sql } from "kysely";
import type { AccountState, Budget, BudgetScope, BudgetState } from "../budgets/types.ts";
import { isHeldKey } from "./api-keys.ts";
import { insertAuditEntry } from "./audit-log.ts";
import { periodStart } from "./budget-periods.ts";
import type { BudgetsTable, Database } from "./tables.ts";

/** The channel on which Postgres tells replicas of budgets that were set and slices that are wanted back. */
export const BUDGETS_CHANNEL = "modeltier_budgets";

/**
 * Sets a budget, or sets it anew: what is spent stays spent. Its entry in the audit log, with what it was before, is part of
 * the transaction; replicas that listen are told.
 * @returns false when it is for a key that there is not, or that is revoked: no call would ever count towards it
 */
export async function setBudget(db: Kysely<Database>, budget: Budget, author: string): Promise<boolean> {
  const { budgetId, limits, scope } = budget;
  const values = {
    scope: scope.kind,
    ...scopeColumns(scope),
    period: budget.period,
    limit_nano_usd: limits.nano_usd?.toString() ?? null,
    limit_tokens: limits.tokens?.toString() ?? null,
  };
  return db.transaction().execute(async (tx) => {
    if (scope.kind === "key" && !(await isHeldKey(tx, scope.keyId))) return false;
    const before = await tx
      .selectFrom("budgets")
      .selectAll()
      .where("budget_id", "=", budgetId)
      .forUpdate()
      .executeTakeFirst();
    await tx
      .insertInto("budgets")
      .values({ budget_id: budgetId, ...values })
      .onConflict((conflict) => conflict.column("budget_id").doUpdateSet(values))
      .execute();
    const detail = {
      before: before === undefined ? null : auditedBudget(before),
      after: auditedBudget(values),
    };
    await insertAuditEntry(tx, { action: "budget.set", author, subject: `budget ${budgetId}`, detail });
    await sayChanged(tx);
    return true;
  });
}

/** Deletes a budget and all that was known of it, with an entry in the audit log. @returns false when there was none */
export function deleteBudget(db: Kysely<Database>, budgetId: string, author: string): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    const gone = await tx
      .deleteFrom("budgets")
      .where("budget_id", "=", budgetId)
      .returningAll()
      .executeTakeFirst();
    await tx.deleteFrom("budget_accounts").where("budget_id", "=", budgetId).execute();
    await tx.deleteFrom("budget_leases").where("budget_id", "=", budgetId).execute();
    if (gone !== undefined) {
      const detail = { before: auditedBudget(gone), after: null };
      await insertAuditEntry(tx, { action: "budget.delete", author, subject: `budget ${budgetId}`, detail });
    }
    await sayChanged(tx);
    return gone !== undefined;
  });
}

type AuditedColumns = Readonly<
  Pick<BudgetsTable, "scope" | "scope_key" | "scope_value" | "period"> & {
    limit_nano_usd: bigint | string | null;
    limit_tokens: bigint | string | null;
  }
>;

/** Amounts as their digits: they may be greater than what a JSON number holds. */
const auditedBudget = (row: AuditedColumns) => ({
  scope: row.scope,
  scope_key: row.scope_key,
  scope_value: row.scope_value,
  period: row.period,
  limit_nano_usd: row.limit_nano_usd?.toString() ?? null,
  limit_tokens: row.limit_tokens?.toString() ?? null,
});

const sayChanged = (db: Kysely<Database>) => sql`select pg_notify(${BUDGETS_CHANNEL}, 'changed')`.execute(db);

type Row = BudgetsTable & {
  limit_nano_usd: bigint | null;
  limit_tokens: bigint | null;
  unit: AccountState["unit"];
  spent: bigint;
  leased: bigint;
  recalled_at_ms: number | null;
  recalled_by: string | null;
};

/** Every budget with what it stands at in its current period, in the order of their ids. */
export async function listBudgetStates(db: Kysely<Database>): Promise<readonly BudgetState[]> {
  const { rows } = await sql<Row>`
    select b.*, u.unit, coalesce(a.spent, 0) as spent, a.recalled_by,
      (extract(epoch from a.recalled_at) * 1000)::double precision as recalled_at_ms,
      (select coalesce(sum(l.amount), 0)::bigint from budget_leases l
        where (l.budget_id, l.unit, l.period, l.period_start) = (a.budget_id, a.unit, a.period, a.period_start)
          and l.expires_at > now()) as leased
    from budgets b
    join (values ('nano_usd'), ('tokens')) as u (unit)
      on case u.unit when 'nano_usd' then b.limit_nano_usd else b.limit_tokens end is not null
    left join budget_accounts a on a.budget_id = b.budget_id and a.unit = u.unit
      and a.period = b.period and a.period_start = ${periodStart(sql`b.period`)}
    order by b.budget_id, u.unit`.execute(db);
  const byId = Map.groupBy(rows, ({ budget_id }) => budget_id);
  return [...byId.values()].flatMap((own) => (own[0] ? [stateOf(own[0], own)] : []));
}

function stateOf(row: Row, own: readonly Row[]): BudgetState {
  const { budget_id: budgetId, period, limit_nano_usd, limit_tokens } = row;
  const limits = {
    ...(limit_nano_usd !== null && { nano_usd: limit_nano_usd }),
    ...(limit_tokens !== null && { tokens: limit_tokens }),
  };
  return { budget: { budgetId, scope: scopeOf(row), period, limits }, accounts: own.map(accountOf) };
}

function accountOf(row: Row): AccountState {
  const { unit, spent, leased, recalled_at_ms: atMs, recalled_by: by } = row;
  const limit = (unit === "tokens" ? row.limit_tokens : row.limit_nano_usd) ?? 0n;
  return { unit, limit, spent, leased, ...(atMs !== null && by !== null && { recall: { atMs, by } }) };
}

function scopeColumns(scope: BudgetScope): Pick<BudgetsTable, "scope_key" | "scope_value"> {
  switch (scope.kind) {
    case "global":
      return { scope_key: "", scope_value: "" };
    case "agent":
      return { scope_key: "", scope_value: scope.agentId };
    case "label":
      return { scope_key: scope.key, scope_value: scope.value };
    case "key":
      return { scope_key: "", scope_value: scope.keyId };
  }
}

function scopeOf({ scope, scope_key: key, scope_value: value }: BudgetsTable): BudgetScope {
  switch (scope) {
    case "global":
      return { kind: "global" };
    case "agent":
      return { kind: "agent", agentId: value };
    case "label":
      return { kind: "label", key, value };
    case "key":
      return { kind: "key", keyId: value };
  }
}
