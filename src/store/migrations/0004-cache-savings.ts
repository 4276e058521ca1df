import type { Migration } from "./migrate.ts";

/** What the providers' prompt caches saved. Negative where more was paid for writing than reading saved. */
export const cacheSavings: Migration = {
  name: "0004-cache-savings",
  statements: [
    "alter table orchestration_executions add column cache_saving_nano_usd bigint not null default 0",
    "alter table ai_analytics add column cache_saving_nano_usd bigint not null default 0",
  ],
};
