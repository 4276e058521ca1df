/** What executions cost their budgets. Runs in the transaction that inserts the executions, for those that are new. */
import { type Kysely, sql } from "kysely";
import type { BudgetCharge } from "../budgets/types.ts";
import { periodStart } from "./budget-periods.ts";
import type { Database } from "./tables.ts";

/**
 * Adds the charges to what is spent and takes them off the slices that they were spent from, as far as these are still
 * there. Rows are locked in one order, accounts before leases, as everywhere. A budget that was deleted takes no charge.
 * @param charges JSON objects as `chargeRow` gives them, with commas between them; "": none
 */
export async function chargeBudgets(db: Kysely<Database>, charges: string): Promise<void> {
  if (charges === "") return;
  const charge = sql`charge as materialized (
    select given.budget_id, given.unit, coalesce(given.period, b.period) as period,
      coalesce(given.period_start, ${periodStart(sql`b.period`)}) as period_start,
      given.lease_id, sum(given.amount)::bigint as amount
    from json_to_recordset(${`[${charges}]`}::json) as given
      (budget_id text, unit text, period text, period_start timestamptz, lease_id text, amount bigint)
    join budgets b on b.budget_id = given.budget_id
    group by 1, 2, 3, 4, 5)`;
  await sql`with ${charge}
    insert into budget_accounts (budget_id, unit, period, period_start)
    select distinct budget_id, unit, period, period_start from charge order by 1, 2, 3, 4
    on conflict do nothing`.execute(db);
  await sql`with ${charge},
    account as materialized (
      select a.budget_id, a.unit, a.period, a.period_start from budget_accounts a
      where (a.budget_id, a.unit, a.period, a.period_start) in
        (select budget_id, unit, period, period_start from charge)
      order by 1, 2, 3, 4 for update of a),
    held as materialized (
      select l.lease_id, a.budget_id, a.unit, a.period, a.period_start, least(l.amount, c.amount) as lowered
      from account a
      join charge c using (budget_id, unit, period, period_start)
      join budget_leases l on l.lease_id = c.lease_id
      order by l.lease_id for update of l),
    lowered as (
      update budget_leases l set amount = l.amount - held.lowered from held where l.lease_id = held.lease_id),
    total as (
      select c.*, coalesce((select sum(held.lowered) from held
        where (held.budget_id, held.unit, held.period, held.period_start)
          = (c.budget_id, c.unit, c.period, c.period_start)), 0)::bigint as lowered
      from (select budget_id, unit, period, period_start, sum(amount)::bigint as amount
        from charge group by 1, 2, 3, 4) as c)
    update budget_accounts a set spent = a.spent + total.amount, leased = a.leased - total.lowered from total
    where (a.budget_id, a.unit, a.period, a.period_start)
      = (total.budget_id, total.unit, total.period, total.period_start)`.execute(db);
}

export const chargeRow = ({ budgetId, unit, amount, from }: BudgetCharge) => ({
  budget_id: budgetId,
  unit,
  amount: amount.toString(),
  period: from?.period,
  period_start: from?.startsAt,
  lease_id: from?.leaseId,
});
