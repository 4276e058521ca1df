import type { Migration } from "./migrate.ts";

/** Integers: what is beyond them is no limit. Of usage nothing is lost that is not over in a minute, so it is not logged. */
export const keyLimits: Migration = {
  name: "0014-key-limits",
  statements: [
    `alter table api_keys
      add column requests_per_minute integer check (requests_per_minute > 0),
      add column tokens_per_minute integer check (tokens_per_minute > 0),
      add column concurrent_calls integer check (concurrent_calls > 0)`,
    `create unlogged table limit_usage (
      key_id text not null,
      replica_id text not null,
      requests bigint not null,
      tokens bigint not null,
      calls integer not null,
      updated_at timestamptz not null default now(),
      primary key (key_id, replica_id)
    )`,
  ],
};
