import type { Migration } from "./migrate.ts";

/** The version is the key: of two that publish on the same base, the second fails. */
export const configVersions: Migration = {
  name: "0002-config-versions",
  statements: [
    `create table orchestration_config_versions (
      version bigint primary key check (version > 0),
      document jsonb not null,
      author text not null,
      comment text not null,
      created_at timestamptz not null default now()
    )`,
  ],
};
