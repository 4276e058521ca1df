import type { Migration } from "./migrate.ts";

/** `revision` rises with every change, so that replicas can ask cheaply whether there was one. */
export const apiKeys: Migration = {
  name: "0011-api-keys",
  statements: [
    `create table api_keys (
      key_id text primary key,
      name text not null,
      role text not null check (role in ('caller', 'operator', 'admin')),
      hash bytea not null check (length(hash) = 32),
      pepper_id text not null,
      previous_hash bytea check (length(previous_hash) = 32),
      previous_expires_at timestamptz,
      revision integer not null default 1,
      created_at timestamptz not null default now(),
      created_by text not null,
      expires_at timestamptz,
      revoked_at timestamptz
    )`,
    "alter table orchestration_executions add column key_id text not null default ''",
    `create index orchestration_executions_by_key on orchestration_executions (key_id, created_at)
      where key_id <> ''`,
    `alter table budgets drop constraint budgets_scope_check,
      add constraint budgets_scope_check check (scope in ('global', 'agent', 'label', 'key'))`,
  ],
};
