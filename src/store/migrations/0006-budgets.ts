import type { Migration } from "./migrate.ts";

/**
 * `leased` is the sum of the account's leases, kept in the row that every lease and every charge locks: a sum over the leases
 * themselves would be read as of the statement's start, and two replicas could lease the same money. No foreign keys:
 * what was spent is written down whatever has become of the budget.
 */
export const budgets: Migration = {
  name: "0006-budgets",
  statements: [
    `create table budgets (
      budget_id text primary key,
      scope text not null check (scope in ('global', 'agent', 'label')),
      scope_key text not null,
      scope_value text not null,
      period text not null check (period in ('day', 'month', 'total')),
      limit_nano_usd bigint check (limit_nano_usd >= 0),
      limit_tokens bigint check (limit_tokens >= 0),
      created_at timestamptz not null default now(),
      check (limit_nano_usd is not null or limit_tokens is not null)
    )`,
    `create table budget_accounts (
      budget_id text not null,
      unit text not null check (unit in ('nano_usd', 'tokens')),
      period text not null,
      period_start timestamptz not null,
      spent bigint not null default 0 check (spent >= 0),
      leased bigint not null default 0 check (leased >= 0),
      recalled_at timestamptz,
      recalled_by text,
      primary key (budget_id, unit, period, period_start)
    )`,
    `create table budget_leases (
      lease_id text primary key,
      budget_id text not null,
      unit text not null,
      period text not null,
      period_start timestamptz not null,
      amount bigint not null check (amount >= 0),
      expires_at timestamptz not null
    )`,
    "create index budget_leases_by_account on budget_leases (budget_id, unit, period, period_start)",
  ],
};
