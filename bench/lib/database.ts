/** What the bench asks of the service's tables, and how it fills them. */
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

export const TABLES = ["orchestration_executions", "ai_analytics"] as const;
export type Table = (typeof TABLES)[number];

export async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

/** 0 also while the service has not made its tables yet: it answers before they are there. */
export async function countRows(client: pg.Client, table: Table): Promise<number> {
  const { rows: found } = await client.query("select to_regclass($1) is not null as there", [table]);
  if (!found[0].there) return 0;
  const { rows } = await client.query(`select count(*)::int as count from ${table}`);
  return rows[0].count;
}

const SETTLED_MS = 60_000;

/** Waits until as many rows are there, or the table has not grown for a while; says how many there are. */
export async function settledRows(client: pg.Client, table: Table, expected: number): Promise<number> {
  let count = await countRows(client, table);
  for (let waitedMs = 0; count < expected && waitedMs < SETTLED_MS; waitedMs += 250) {
    await sleep(250);
    count = await countRows(client, table);
  }
  return count;
}

const AGENTS = 10_000;
const DAYS = 30;

/** What differs from one stored row to the next; the rest is as in the first row that the service wrote. */
const VARIED: Readonly<Record<string, string>> = {
  execution_id: "'seed-' || n",
  agent_id: `'agent-' || n % ${AGENTS}`,
  session_id: `'session-' || n % ${AGENTS}`,
  created_at: `now() - (n % ${DAYS * 86_400}) * interval '1 second'`,
};

/** The column as the seeding statement selects it: varied, or copied from the row that is there. */
export const seededColumn = (name: string): string => VARIED[name] ?? `one."${name}"`;

/** Copies the one execution that is there, and its attempt, until there are `rows` more of each. @throws when there is none */
export async function seed(client: pg.Client, rows: number): Promise<void> {
  for (const table of TABLES) {
    if ((await settledRows(client, table, 1)) === 0) throw new Error(`${table} has no row to copy`);
    const { rows: columns } = await client.query<{ name: string }>(
      `select column_name as name from information_schema.columns
       where table_name = $1 and table_schema = 'public' and is_generated = 'NEVER' order by ordinal_position`,
      [table],
    );
    const names = columns.map(({ name }) => name);
    const selected = names.map(seededColumn).join(", ");
    const into = names.map((name) => `"${name}"`).join(", ");
    await client.query(
      `insert into ${table} (${into}) select ${selected}
       from (select * from ${table} limit 1) one, generate_series(1, $1::bigint) n`,
      [rows],
    );
    await client.query(`analyze ${table}`);
  }
}
