import type { Migration } from "./migrate.ts";

/**
 * The texts of an execution, sealed; only whose they are is readable. No foreign key: the record of the execution may be written later.
 * What is sealed does not get smaller, so it is not tried.
 */
export const storedPrompts: Migration = {
  name: "0012-stored-prompts",
  statements: [
    `create table stored_prompts (
      execution_id text primary key,
      agent_id text not null,
      key_id text not null,
      sealed bytea not null,
      sealing_key_id text not null,
      created_at timestamptz not null,
      expires_at timestamptz not null
    )`,
    "alter table stored_prompts alter column sealed set storage external",
    "create index stored_prompts_by_expiry on stored_prompts (expires_at)",
    "create index stored_prompts_by_agent on stored_prompts (agent_id)",
    "create index stored_prompts_by_key on stored_prompts (key_id) where key_id <> ''",
  ],
};
