/** What attempts come to: queries on attempt_rollups, latency_rollups and the index of failures. Windows are whole hours. */
import { type Kysely, sql } from "kysely";
import type { Window } from "../analytics/calendar.ts";
import type { ProviderCalls } from "../analytics/distribution.ts";
import type { LastFailure } from "../analytics/overview.ts";
import type { LatencyBucket, OutcomeSums } from "../analytics/performance.ts";
import type { Tier } from "../routing/types.ts";
import { IS_FAILURE } from "./rollups.ts";
import type { Database } from "./tables.ts";

/** Calls and cost by provider and tier. */
export const listProviderCalls = (db: Kysely<Database>, { from, to }: Window): Promise<ProviderCalls[]> =>
  db
    .selectFrom("attempt_rollups")
    .where("hour", ">=", from)
    .where("hour", "<", to)
    .groupBy(["provider", "tier"])
    .select(["provider", "tier"])
    .select([sum("calls").as("calls"), sum("cost_nano_usd").as("costNanoUsd")])
    .execute();

/** What of the attempts is asked for. */
export type AttemptFilter = Readonly<{ window: Window; provider?: string; tier?: Tier }>;

/** Everything that is summed, by provider, model and outcome. */
export const listOutcomes = (
  db: Kysely<Database>,
  { window: { from, to }, provider, tier }: AttemptFilter,
): Promise<OutcomeSums[]> =>
  db
    .selectFrom("attempt_rollups")
    .where("hour", ">=", from)
    .where("hour", "<", to)
    .$if(provider !== undefined, (query) => query.where("provider", "=", provider ?? ""))
    .$if(tier !== undefined, (query) => query.where("tier", "=", tier ?? "fast"))
    .groupBy(["provider", "model", "outcome"])
    .select(["provider", "model", "outcome"])
    .select([
      sum("calls").as("calls"),
      sum("fallbacks").as("fallbacks"),
      sum("hedges").as("hedges"),
      sum("calls_with_input").as("callsWithInput"),
      sum("cache_hits").as("cacheHits"),
      sum("unpriced_calls").as("unpricedCalls"),
      sum("fresh_input_tokens").as("freshInputTokens"),
      sum("cached_input_tokens").as("cachedInputTokens"),
      sum("cache_write_tokens").as("cacheWriteTokens"),
      sum("output_tokens").as("outputTokens"),
      sum("cost_nano_usd").as("costNanoUsd"),
      sum("cache_saving_nano_usd").as("cacheSavingNanoUsd"),
    ])
    .execute();

/** Durations by provider and model. */
export const listLatencies = (
  db: Kysely<Database>,
  { window: { from, to }, provider, tier }: AttemptFilter,
): Promise<LatencyBucket[]> =>
  db
    .selectFrom("latency_rollups")
    .where("hour", ">=", from)
    .where("hour", "<", to)
    .$if(provider !== undefined, (query) => query.where("provider", "=", provider ?? ""))
    .$if(tier !== undefined, (query) => query.where("tier", "=", tier ?? "fast"))
    .groupBy(["provider", "model", "measure", "bucket"])
    .select(["provider", "model", "measure", "bucket"])
    .select(sum("count").as("count"))
    .execute();

/** The newest failed attempt of each of the providers, of those that have one since. */
export async function listLastFailures(
  db: Kysely<Database>,
  providers: readonly string[],
  since: Date,
): Promise<readonly LastFailure[]> {
  const { rows } = await sql<LastFailure>`
    select last.* from unnest(${providers}::text[]) as asked (provider) cross join lateral (
      select provider, model, outcome, execution_id as "executionId", created_at as at from ai_analytics a
      where a.provider = asked.provider and created_at >= ${since} and ${IS_FAILURE}
      order by created_at desc limit 1) as last`.execute(db);
  return rows;
}

/** A sum as the bigint that it is: Postgres makes a numeric of it. */
const sum = (column: string) => sql<bigint>`sum(${sql.ref(column)})::bigint`;
