/** A schema in words that compare, and as a hash. */
import { createHash } from "node:crypto";
import { type Kysely, sql } from "kysely";
import type { Database } from "../../src/store/tables.ts";

/** Every column, index and constraint there is, with the names of the migrations that ran. */
export async function describeSchema(db: Kysely<Database>): Promise<readonly unknown[]> {
  const columns = await sql`
    select table_name, column_name, data_type, is_nullable, column_default, generation_expression
    from information_schema.columns where table_schema = 'public' order by 1, ordinal_position`.execute(db);
  const indexes = await sql`select indexdef from pg_indexes where schemaname = 'public' order by 1`.execute(
    db,
  );
  const constraints = await sql`
    select conrelid::regclass::text as of_table, conname, pg_get_constraintdef(oid) as definition
    from pg_constraint where connamespace = 'public'::regnamespace order by 1, 2`.execute(db);
  const [{ migrations }] = (
    await sql<{ migrations: string | null }>`
      select to_regclass('modeltier_migrations')::text as migrations`.execute(db)
  ).rows as [{ migrations: string | null }];
  const names =
    migrations === null
      ? { rows: [] }
      : await sql`select name from modeltier_migrations order by 1`.execute(db);
  return [...columns.rows, ...indexes.rows, ...constraints.rows, ...names.rows];
}

export const hashSchema = async (db: Kysely<Database>): Promise<string> =>
  createHash("sha256")
    .update(JSON.stringify(await describeSchema(db)))
    .digest("hex");
