import type { Migration } from "./migrate.ts";

/** No foreign key: feedback may come before the execution that it is about is written. */
export const feedback: Migration = {
  name: "0009-feedback",
  statements: [
    `create table feedback (
      execution_id text not null,
      feedback_id text not null,
      quality smallint check (quality between 1 and 5),
      success boolean,
      comment text not null,
      created_at timestamptz not null default now(),
      primary key (execution_id, feedback_id)
    )`,
  ],
};
