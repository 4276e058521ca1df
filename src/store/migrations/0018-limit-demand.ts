import type { Migration } from "./migrate.ts";

/** How many calls at a time each replica wants of a key. A release that knows nothing of it wants what it has. */
export const limitDemand: Migration = {
  name: "0018-limit-demand",
  statements: ["alter table limit_usage add column wanted integer not null default 0"],
};
