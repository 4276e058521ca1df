/** Queries on budgets: what operators set, and what each stands at. All times are the database's own. */
import { type Kysely, sql } from "kysely";
import type { AccountState, Budget, BudgetScope, BudgetState } from "../budgets/types.ts";
import { periodStart } from "./budget-periods.ts";
import type { BudgetsTable, Database } from "./database.ts";

/** The channel on which Postgres tells replicas of budgets that were set and slices that are wanted back. */
export const BUDGETS_CHANNEL = "modeltier_budgets";

/** Sets a budget, or sets it anew: what is spent stays spent. Replicas that listen are told. */
export async function setBudget(db: Kysely<Database>, budget: Budget): Promise<void> {
  const { scope_key, scope_value } = scopeColumns(budget.scope);
  const values = {
    scope: budget.scope.kind,
    scope_key,
    scope_value,
    period: budget.period,
    limit_nano_usd: budget.limits.nano_usd?.toString() ?? null,
    limit_tokens: budget.limits.tokens?.toString() ?? null,
  };
  await db
    .insertInto("budgets")
    .values({ budget_id: budget.budgetId, ...values })
    .onConflict((conflict) => conflict.column("budget_id").doUpdateSet(values))
    .execute();
  await sayChanged(db);
}

/** Deletes a budget and all that was known of it. @returns false when there was none */
export async function deleteBudget(db: Kysely<Database>, budgetId: string): Promise<boolean> {
  const { rows } = await sql<{ count: bigint }>`with
    gone as (delete from budgets where budget_id = ${budgetId} returning 1),
    accounts as (delete from budget_accounts where budget_id = ${budgetId}),
    leases as (delete from budget_leases where budget_id = ${budgetId})
    select count(*) as count from gone`.execute(db);
  await sayChanged(db);
  return rows[0]?.count === 1n;
}

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
