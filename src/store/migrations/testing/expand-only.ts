/**
 * Whether the release before can live with a migration. While a deploy goes on it reads and writes the new tables, and does not
 * know of them: it may be given more, and nothing may be taken from it.
 */
import type { Migration } from "../migrate.ts";

/** @returns the statements, or parts of one, that take something away or cannot be told not to; empty: none does */
export function listContractions({ statements }: Migration, before: readonly Migration[]): readonly string[] {
  const history = before.flatMap((migration) => migration.statements.map(flat));
  const isOwn = ownTables(statements.map(flat));
  return statements.map(flat).flatMap((statement) => contractionsOf(statement, isOwn, history));
}

const flat = (statement: string): string => statement.replace(/\s+/g, " ").trim();

/** Tables that the migration makes itself: nobody else knows of them yet. */
function ownTables(statements: readonly string[]): (table: string | undefined) => boolean {
  const made = statements.map((statement) => /^create (?:unlogged )?table (\w+)/.exec(statement)?.[1]);
  return (table) => table !== undefined && made.includes(table);
}

function contractionsOf(
  statement: string,
  isOwn: ReturnType<typeof ownTables>,
  history: readonly string[],
): readonly string[] {
  if (/^create ((unlogged )?table|index) /.test(statement)) return [];
  const [, table] = /^(?:insert into|create unique index \w+ on|alter table) (\w+)/.exec(statement) ?? [];
  if (isOwn(table)) return [];
  const [, actions] = /^alter table \w+ (.*)$/.exec(statement) ?? [];
  if (table === undefined || actions === undefined) return [statement];
  const parts = splitAtCommas(actions);
  return parts.filter((part) => !isExpansion(part, parts, wordsOf(table, history)));
}

function isExpansion(part: string, parts: readonly string[], wordsBefore: WordsOf): boolean {
  if (part.startsWith("add column ")) return canBeLeftOut(part);
  const [, dropped] = /^drop constraint (\w+)$/.exec(part) ?? [];
  if (dropped !== undefined) return parts.some((other) => isWider(other, dropped, wordsBefore));
  const [, added] = /^add constraint (\w+) /.exec(part) ?? [];
  return (
    added !== undefined && parts.includes(`drop constraint ${added}`) && isWider(part, added, wordsBefore)
  );
}

/** A row that says nothing of the column can be written, as often as one likes. */
const canBeLeftOut = (column: string): boolean =>
  (!/ not null\b/.test(column) || / (default|generated) /.test(column)) &&
  !/ (unique|primary key|references)\b/.test(column);

/** A list of words in a check that has all the words it had before. */
function isWider(part: string, name: string, wordsBefore: WordsOf): boolean {
  const [, column, list] =
    new RegExp(`^add constraint ${name} check \\((\\w+) in \\((.*)\\)\\)$`).exec(part) ?? [];
  const before = column === undefined ? undefined : wordsBefore(column);
  if (before === undefined || list === undefined) return false;
  const now = wordsIn(list);
  return before.every((word) => now.includes(word));
}

type WordsOf = (column: string) => readonly string[] | undefined;

/** The words that a check of the table last allowed in a column; undefined: there is none. */
const wordsOf =
  (table: string, history: readonly string[]): WordsOf =>
  (column) => {
    const checks = history
      .filter((statement) => new RegExp(`^(create|alter) table ${table} `).test(statement))
      .flatMap((statement) => [
        ...statement.matchAll(new RegExp(`check \\(${column} in \\(([^)]*)\\)\\)`, "g")),
      ]);
    const last = checks.at(-1)?.[1];
    return last === undefined ? undefined : wordsIn(last);
  };

const wordsIn = (list: string): readonly string[] =>
  [...list.matchAll(/'([^']*)'/g)].map(([, word = ""]) => word);

/** At those outside of brackets. */
function splitAtCommas(text: string): readonly string[] {
  const parts = [""];
  let depth = 0;
  for (const character of text) {
    if (character === "(") depth += 1;
    if (character === ")") depth -= 1;
    if (character === "," && depth === 0) parts.push("");
    else parts.push((parts.pop() ?? "") + character);
  }
  return parts.map((part) => part.trim());
}
