/** Many rows in one statement and one parameter. */
import { type Kysely, sql } from "kysely";
import type { Database } from "./tables.ts";

/** SQL types by column, for every column that is written. */
export type ColumnTypes<Row> = Readonly<Record<keyof Row & string, string>>;

/**
 * Inserts the rows that are not there yet; the others stay as they are, so that sending a batch again changes nothing.
 * The rows travel as one JSON document: the statement is the same for every batch, and building it costs a fraction
 * of one parameter per value.
 * @param returning a column of text
 * @returns its values in the rows that were new; none without it
 */
export async function insertNew<Row>(
  db: Kysely<Database>,
  table: keyof Database,
  columns: ColumnTypes<Row>,
  rows: readonly Row[],
  returning?: keyof Row & string,
): Promise<readonly string[]> {
  return insertNewText(db, table, columns, JSON.stringify(rows).slice(1, -1), returning);
}

/** The same of rows that are text already. @param rows JSON objects with commas between them; "": none */
export async function insertNewText<Row>(
  db: Kysely<Database>,
  table: keyof Database,
  columns: ColumnTypes<Row>,
  rows: string,
  returning?: keyof Row & string,
): Promise<readonly string[]> {
  if (rows === "") return [];
  const names = sql.join(Object.keys(columns).map((name) => sql.ref(name)));
  const types = Object.entries<string>(columns).map(([name, type]) => sql`${sql.ref(name)} ${sql.raw(type)}`);
  const told = returning === undefined ? sql`` : sql`returning ${sql.ref(returning)} as value`;
  const inserted = await sql<{ value: string }>`insert into ${sql.table(table)} (${names})
    select ${names} from json_to_recordset(${storable(`[${rows}]`)}::json) as r (${sql.join(types)})
    on conflict do nothing ${told}`.execute(db);
  return inserted.rows.map(({ value }) => value);
}

/**
 * JSON that Postgres takes: without NUL, which text cannot hold, and with U+FFFD for halves of surrogate pairs. In the
 * output of JSON.stringify both are escapes, and reading it escape by escape tells them from an escaped backslash.
 */
export const storable = (json: string): string => {
  if (!json.includes("\\u")) return json; // as nearly always, and found out in less than a tenth of the time
  return json.replace(/\\(?:u0000|ud[89a-f][0-9a-f]{2}|.)/g, (sequence) => {
    if (sequence === "\\u0000") return "";
    return sequence.startsWith("\\ud") ? "\\ufffd" : sequence;
  });
};
