/** Cost over time, from the rollups: by step of time and by what a series is of. */
import { type Kysely, type RawBuilder, sql } from "kysely";
import type { Window } from "../analytics/calendar.ts";
import type { CostGrouping, CostStep } from "../analytics/cost-trend.ts";
import type { Database } from "./tables.ts";

type Key = RawBuilder<string | null>;
const TARGET_KEYS: Readonly<Record<Exclude<CostGrouping, "agent">, Key>> = {
  all: sql`''`,
  provider: sql`provider`,
  model: sql`provider || '/' || model`,
  tier: sql`tier`,
};
const AGENT_KEY: Key = sql`case when named then agent_id end`;

/** What costs most, the most expensive first. */
export async function listCostliest(
  db: Kysely<Database>,
  { from, to }: Window,
  grouping: CostGrouping,
  limit: number,
): Promise<readonly string[]> {
  const isAgent = grouping === "agent";
  const key = isAgent ? sql`agent_id` : TARGET_KEYS[grouping];
  const { rows } = await sql<{ key: string }>`
    select ${key} as key from ${sql.table(isAgent ? "agent_rollups" : "attempt_rollups")}
    where hour >= ${from} and hour < ${to} ${isAgent ? sql`and named` : sql``}
    group by 1 order by sum(cost_nano_usd) desc, 1 limit ${limit}`.execute(db);
  return rows.map((row) => row.key);
}

/**
 * The sums of every step of every series, those in which nothing happened left out.
 * @param steps where the steps of the window begin, in order
 * @param keys the series to tell apart
 */
export async function listCostSteps(
  db: Kysely<Database>,
  { from, to }: Window,
  steps: readonly Date[],
  grouping: CostGrouping,
  keys: readonly string[],
): Promise<readonly CostStep[]> {
  const step = sql`width_bucket(hour, ${steps}::timestamptz[]) - 1`;
  const told = (key: Key) => sql`case when ${key} = any(${keys}::text[]) then ${key} end`;
  const during = sql`where hour >= ${from} and hour < ${to}`;
  const source =
    grouping === "agent"
      ? sql`select ${step} as step, ${told(AGENT_KEY)} as key, calls, executions, cost_nano_usd,
          cache_saving_nano_usd, unpriced_calls from agent_rollups ${during}`
      : sql`select ${step} as step, ${told(TARGET_KEYS[grouping])} as key, calls, 0 as executions, cost_nano_usd,
          cache_saving_nano_usd, unpriced_calls from attempt_rollups ${during}
        union all select ${step}, ${told(TARGET_KEYS[grouping])}, 0, executions, 0, 0, 0
          from execution_rollups ${during}`;
  const { rows } = await sql<CostStep>`
    select step, key, sum(calls)::bigint as calls, sum(executions)::bigint as executions,
      sum(cost_nano_usd)::bigint as "costNanoUsd", sum(cache_saving_nano_usd)::bigint as "cacheSavingNanoUsd",
      sum(unpriced_calls)::bigint as "unpricedCalls"
    from (${source}) as s group by 1, 2`.execute(db);
  return rows;
}
