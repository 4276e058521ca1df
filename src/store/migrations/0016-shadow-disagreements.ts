import type { Migration } from "./migrate.ts";

/** Executions where a scorer in the shadow would have picked another tier: few among many, so the list of them has an index of its own. */
export const shadowDisagreements: Migration = {
  name: "0016-shadow-disagreements",
  statements: [
    `create index orchestration_executions_by_shadow on orchestration_executions (created_at, execution_id)
       where (decision #>> '{shadow,differs}') = 'true'`,
  ],
};
