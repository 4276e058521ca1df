/** D19: in a rolling deploy the release before meets the new tables, so no migration takes anything from it unless it says why it may. */
import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { MIGRATIONS, type Migration } from "./migrate.ts";
import { listContractions } from "./testing/expand-only.ts";

const before: readonly Migration[] = [
  {
    name: "0001-jobs",
    statements: [
      "create table jobs (id text primary key, state text not null check (state in ('new', 'done')))",
    ],
  },
];
const contractions = (...statements: readonly string[]) =>
  listContractions({ name: "0002-next", statements }, before);

describe("D19 a migration", () => {
  it.each(MIGRATIONS.map((migration, index) => [migration.name, migration, index] as const))(
    "%s gives the release before more, or says why what it takes is not missed",
    (_, migration, index) => {
      const found = listContractions(migration, MIGRATIONS.slice(0, index));
      if (migration.contract === undefined) expect(found).toEqual([]);
      else expect(found, "it is no contraction: leave `contract` out").not.toEqual([]);
    },
  );

  it("has a file of its name, a number of its own, and a place in order", () => {
    const names = MIGRATIONS.map(({ name }) => name);
    const files = readdirSync(new URL(".", import.meta.url)).filter((file) => /^\d{4}-/.test(file));
    expect(files.toSorted()).toEqual(names.map((name) => `${name}.ts`));
    expect(new Set(names.map((name) => name.slice(0, 4))).size).toBe(names.length);
  });

  it.each([
    "create table more (id text primary key)",
    "create index jobs_by_state on jobs (state)",
    "alter table jobs add column note text",
    "alter table jobs add column tries integer not null default 0, add column price numeric(10, 2)",
    "alter table jobs drop constraint jobs_state_check, add constraint jobs_state_check check (state in ('new', 'done', 'lost'))",
  ])("may %s", (statement) => {
    expect(contractions(statement)).toEqual([]);
  });

  it("may do as it likes with a table that it makes", () => {
    expect(
      contractions(
        "create table more (id text)",
        "insert into more select id from jobs",
        "create unique index more_by_id on more (id)",
        "alter table more alter column id set storage external",
      ),
    ).toEqual([]);
  });

  it.each([
    "drop table jobs",
    "alter table jobs drop column state",
    "alter table jobs rename column state to status",
    "alter table jobs alter column state type integer using 0",
    "alter table jobs alter column state set not null",
    "alter table jobs add column owner text not null",
    "alter table jobs add column slug text unique",
    "alter table jobs add constraint jobs_id_check check (id <> '')",
    "alter table jobs drop constraint jobs_state_check, add constraint jobs_state_check check (state in ('new', 'lost'))",
    "alter table jobs drop constraint jobs_pkey",
    "create unique index jobs_by_state on jobs (state)",
    "insert into jobs values ('1', 'new')",
    "update jobs set state = 'done'",
    "delete from jobs",
    "do $$ begin drop table jobs; end $$",
  ])("may not %s without a word", (statement) => {
    expect(contractions(statement)).not.toEqual([]);
  });
});
