/** Queries on slices of budgets. Each is one statement that locks the account first; all times are the database's own. */
import { type Kysely, sql } from "kysely";
import type { AccountId, PeriodStart } from "../budgets/types.ts";
import { periodMsLeft, periodStart } from "./budget-periods.ts";
import { BUDGETS_CHANNEL } from "./budgets.ts";
import type { Database } from "./tables.ts";

export type LeaseWish = AccountId &
  Readonly<{
    leaseId: string;
    /** The slice is held already and is to grow; otherwise it is new. */
    extend: boolean;
    /** Named when slices are wanted back, so that a replica knows its own voice. */
    replicaId: string;
    /** Less than this is of no use; 0n: anything is. */
    need: bigint;
    /** As much as this would be good; a part of what remains is given, so that the slices shrink as a budget runs out. */
    want: bigint;
    leaseMs: number;
  }>;

export type LeaseReply = Readonly<{
  /** 0n: less remains than is needed, which slices that other replicas hold may change: they have been asked for them. */
  granted: bigint;
  /** Still to be leased, by anybody. */
  remaining: bigint;
  /** In slices of others. */
  elsewhere: bigint;
  period: PeriodStart;
  /** How long the period still lasts; undefined: for ever. */
  periodMsLeft?: number;
}>;

/** What of the rest one slice gets at most, unless more is needed. */
const SHARE = 8;

type Row = Readonly<{
  granted: bigint;
  remaining: bigint;
  elsewhere: bigint;
  is_held: boolean;
  period: PeriodStart["period"];
  period_start: Date;
  ms_left: number | null;
}>;

/**
 * Leases a slice, or makes one larger, and takes back expired ones of others on the way.
 * @returns "lost" when the slice to extend is not there any more (it had expired and was taken back) or is of a period that
 *   is over; "gone" when there is no such budget or it has no such limit
 */
export async function leaseSlice(
  db: Kysely<Database>,
  wish: LeaseWish,
): Promise<LeaseReply | "lost" | "gone"> {
  const row = (await askForSlice(db, wish)) ?? (await openAccount(db, wish));
  if (row === undefined) return "gone";
  if (!row.is_held) return "lost";
  const { granted, remaining, elsewhere, period, period_start: startsAt, ms_left } = row;
  return {
    granted,
    remaining,
    elsewhere,
    period: { period, startsAt },
    ...(ms_left !== null && { periodMsLeft: ms_left }),
  };
}

/** The first to lease from a period makes its account, and clears away what expired with periods long over. */
async function openAccount(db: Kysely<Database>, wish: LeaseWish): Promise<Row | undefined> {
  await sql`delete from budget_leases
    where budget_id = ${wish.budgetId} and expires_at < now() - interval '1 day'`.execute(db);
  await sql`insert into budget_accounts (budget_id, unit, period, period_start)
    select budget_id, ${wish.unit}, period, ${periodStart(sql`period`)} from budgets
    where budget_id = ${wish.budgetId} on conflict do nothing`.execute(db);
  return askForSlice(db, wish);
}

/** `for update` reads the account as it stands once it is ours, however old the statement's own view is. */
async function askForSlice(db: Kysely<Database>, wish: LeaseWish): Promise<Row | undefined> {
  const { leaseId, need, want, leaseMs, replicaId, budgetId, unit } = wish;
  const expiresAt = sql`now() + ${leaseMs} * interval '1 millisecond'`;
  const slice = wish.extend
    ? sql`update budget_leases l set amount = l.amount + o.granted, expires_at = ${expiresAt}
        from offer o where l.lease_id = ${leaseId} and (l.period, l.period_start) = (o.period, o.period_start)
        returning o.granted`
    : sql`insert into budget_leases (lease_id, budget_id, unit, period, period_start, amount, expires_at)
        select ${leaseId}, budget_id, unit, period, period_start, granted, ${expiresAt} from offer
        where granted > 0 returning amount as granted`;
  const { rows } = await sql<Row>`with
    account as materialized (
      select a.*, case a.unit when 'tokens' then b.limit_tokens else b.limit_nano_usd end as most,
        ${periodMsLeft(sql`b.period`)} as ms_left
      from budget_accounts a join budgets b using (budget_id)
      where a.budget_id = ${budgetId} and a.unit = ${unit}
        and a.period = b.period and a.period_start = ${periodStart(sql`b.period`)}
      for update of a),
    expired as (
      delete from budget_leases l using account a
      where (l.budget_id, l.unit, l.period, l.period_start) = (a.budget_id, a.unit, a.period, a.period_start)
        and l.expires_at <= now() and l.lease_id <> ${leaseId}
      returning l.amount),
    rest as materialized (
      select a.*, back.amount as back, greatest(a.most - a.spent - a.leased + back.amount, 0) as remaining
      from account a, (select coalesce(sum(amount), 0)::bigint as amount from expired) as back
      where a.most is not null),
    offer as materialized (
      select rest.*, case when remaining < ${need.toString()}::bigint then 0 else least(remaining,
        greatest(${need.toString()}::bigint, least(${want.toString()}::bigint, remaining / ${SHARE}::bigint))) end as granted
      from rest),
    slice as (${slice}),
    given as materialized (select coalesce(sum(granted), 0)::bigint as amount, count(*) > 0 as is_there from slice),
    others as materialized (
      select coalesce(sum(l.amount), 0)::bigint as amount from budget_leases l, account a
      where (l.budget_id, l.unit, l.period, l.period_start) = (a.budget_id, a.unit, a.period, a.period_start)
        and l.expires_at > now() and l.lease_id <> ${leaseId}),
    booked as (
      update budget_accounts a set leased = a.leased - o.back + given.amount,
        recalled_at = case when o.remaining < ${need.toString()}::bigint then now() else a.recalled_at end,
        recalled_by = case when o.remaining < ${need.toString()}::bigint then ${replicaId} else a.recalled_by end
      from offer o, given
      where (a.budget_id, a.unit, a.period, a.period_start) = (o.budget_id, o.unit, o.period, o.period_start))
    select given.amount as granted, o.remaining - given.amount as remaining, others.amount as elsewhere,
      given.is_there or not ${wish.extend}::boolean as is_held, o.period, o.period_start, o.ms_left,
      case when o.remaining < ${need.toString()}::bigint and others.amount > 0
        then pg_notify(${BUDGETS_CHANNEL}, ${`recall ${replicaId} ${budgetId}`}) end as told
    from offer o, given, others`.execute(db);
  return rows[0];
}

/** Keeps slices for as long again. @returns the ids of those that are still there; the others have expired */
export async function renewLeases(
  db: Kysely<Database>,
  leaseIds: readonly string[],
  leaseMs: number,
): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ lease_id: string }>`with held as materialized (
      select lease_id from budget_leases where lease_id = any(${leaseIds}) and expires_at > now()
      order by lease_id for update)
    update budget_leases l set expires_at = now() + ${leaseMs} * interval '1 millisecond'
    from held where l.lease_id = held.lease_id returning l.lease_id`.execute(db);
  return new Set(rows.map(({ lease_id }) => lease_id));
}

/** Gives a part of a slice back. Nothing happens when it has expired and was taken back. */
export async function giveBack(
  db: Kysely<Database>,
  { leaseId, amount }: Readonly<{ leaseId: string; amount: bigint }>,
): Promise<void> {
  await sql`with account as materialized (
      select a.* from budget_accounts a join budget_leases l using (budget_id, unit, period, period_start)
      where l.lease_id = ${leaseId} for update of a),
    lowered as (
      update budget_leases l set amount = l.amount - ${amount.toString()}::bigint from account
      where l.lease_id = ${leaseId} returning 1)
    update budget_accounts a set leased = a.leased - ${amount.toString()}::bigint from account, lowered
    where (a.budget_id, a.unit, a.period, a.period_start)
      = (account.budget_id, account.unit, account.period, account.period_start)`.execute(db);
}
