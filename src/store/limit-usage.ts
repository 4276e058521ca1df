/** Queries on limit_usage: what each replica has let keys with limits take, for the others to count as well. */
import { type Kysely, sql } from "kysely";
import type { KeyUsage, UsageElsewhere } from "../limits/types.ts";
import type { Database } from "./tables.ts";

/** A replica that has not been heard of for so long has no calls under way; what it let through may still be in the minute. */
const CALLS_LAST_S = 5;
const USAGE_LASTS_S = 60;
/** Rows of replicas that are gone are in nobody's way; they are cleared with the next replica's rows of the same key. */
const ROWS_LAST_S = 3_600;

type Row = Readonly<{
  key_id: string;
  requests: string;
  tokens: string;
  calls: string;
  before: readonly number[];
  after: readonly number[];
}>;

/** Tells the others what was taken here, and says what they have told of the same keys. One statement. */
export async function exchangeUsage(
  db: Kysely<Database>,
  replicaId: string,
  usage: ReadonlyMap<string, KeyUsage>,
): Promise<ReadonlyMap<string, UsageElsewhere>> {
  const rows = [...usage].map(([keyId, taken]) => ({ key_id: keyId, ...taken }));
  const { rows: heard } = await sql<Row>`with told as materialized (
      select * from json_to_recordset(${JSON.stringify(rows)}::json)
        as r (key_id text, requests bigint, tokens bigint, calls integer, wanted integer)),
    written as (
      insert into limit_usage (key_id, replica_id, requests, tokens, calls, wanted)
      select key_id, ${replicaId}, requests, tokens, calls, wanted from told order by key_id
      on conflict (key_id, replica_id) do update
      set requests = excluded.requests, tokens = excluded.tokens, calls = excluded.calls,
        wanted = excluded.wanted, updated_at = now()),
    cleared as (
      delete from limit_usage
      where replica_id <> ${replicaId} and key_id in (select key_id from told)
        and updated_at < now() - make_interval(secs => ${ROWS_LAST_S}))
    select key_id, sum(requests) as requests, sum(tokens) as tokens,
      coalesce(sum(calls) filter (where is_alive), 0) as calls,
      coalesce(array_agg(greatest(calls, wanted)) filter (where is_alive and replica_id < ${replicaId}), '{}') as before,
      coalesce(array_agg(greatest(calls, wanted)) filter (where is_alive and replica_id > ${replicaId}), '{}') as after
    from limit_usage, lateral (select updated_at > now() - make_interval(secs => ${CALLS_LAST_S}) as is_alive) as heard
    where replica_id <> ${replicaId} and key_id in (select key_id from told)
      and updated_at > now() - make_interval(secs => ${USAGE_LASTS_S})
    group by 1`.execute(db);
  return new Map(
    heard.map(({ key_id: keyId, requests, tokens, calls, before, after }) => [
      keyId,
      { requests: Number(requests), tokens: Number(tokens), calls: Number(calls), wanted: { before, after } },
    ]),
  );
}
