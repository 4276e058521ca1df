import type { Migration } from "./migrate.ts";

/** How the tokens of an attempt were estimated that its provider did not report. Null: nothing was estimated. */
export const usageMethod: Migration = {
  name: "0005-usage-method",
  statements: ["alter table ai_analytics add column usage_method text"],
};
