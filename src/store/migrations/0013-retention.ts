import type { Migration } from "./migrate.ts";

/** Executions and attempts are found by their time already; feedback of which no execution ever came has to be, too. */
export const retention: Migration = {
  name: "0013-retention",
  statements: ["create index feedback_by_time on feedback (created_at)"],
};
