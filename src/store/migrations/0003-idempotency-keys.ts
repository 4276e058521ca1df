import type { Migration } from "./migrate.ts";

/**
 * A row that has expired is as good as none: it may be taken over, and is deleted in time. The outcome is compressed
 * outside the row where it is large, so that looking a key up stays cheap.
 */
export const idempotencyKeys: Migration = {
  name: "0003-idempotency-keys",
  statements: [
    `create table idempotency_keys (
      scope text not null,
      key_hash bytea not null,
      body_hash bytea not null,
      claim_id text not null,
      state text not null check (state in ('in_flight', 'answered', 'failed')),
      outcome bytea check ((outcome is null) = (state = 'in_flight')),
      created_at timestamptz not null default now(),
      expires_at timestamptz not null,
      primary key (scope, key_hash)
    )`,
    "create index idempotency_keys_by_expiry on idempotency_keys (expires_at)",
  ],
};
