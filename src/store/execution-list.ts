/** The list of executions: filters, the newest first, page by page. */
import { type Kysely, sql } from "kysely";
import type { ModelTarget, Tier } from "../routing/types.ts";
import type { StoredExecution } from "./executions.ts";
import type { ExecutionStatus } from "./records.ts";
import type { Database } from "./tables.ts";

/** What an execution must match; what is absent lets everything pass. */
export type ExecutionFilter = Readonly<{
  from?: Date;
  to?: Date;
  agentId?: string;
  tier?: Tier;
  provider?: ModelTarget["provider"];
  model?: ModelTarget["model"];
  status?: ExecutionStatus;
  intent?: string;
  sessionId?: string;
  /** All of them. */
  labels?: Readonly<Record<string, string>>;
  minCostNanoUsd?: bigint;
  /** Where a scorer in the shadow would have picked another tier. */
  shadowDiffers?: true;
  /** Those of an experiment. */
  experimentId?: string;
  /** Those of one of its arms. */
  experimentArm?: string;
  /** Whose they are. */
  keyId?: string;
}>;

/** The execution after which a page begins. Microseconds since 1970, because that is what the database counts in. */
export type ListPosition = Readonly<{ createdAtUs: bigint; executionId: string }>;

export type ListedExecution = StoredExecution & Readonly<{ created_at_us: bigint }>;

/** @returns the newest first, at most `limit` */
export const listExecutions = (
  db: Kysely<Database>,
  filter: ExecutionFilter,
  after: ListPosition | undefined,
  limit: number,
): Promise<ListedExecution[]> => {
  let query = db
    .selectFrom("orchestration_executions")
    .selectAll()
    .select(sql<bigint>`(extract(epoch from created_at) * 1000000)::bigint`.as("created_at_us"))
    .orderBy("created_at", "desc")
    .orderBy("execution_id", "desc")
    .limit(limit);
  if (filter.from) query = query.where("created_at", ">=", filter.from);
  if (filter.to) query = query.where("created_at", "<", filter.to);
  if (filter.agentId !== undefined) query = query.where("agent_id", "=", filter.agentId);
  if (filter.tier) query = query.where("tier", "=", filter.tier);
  if (filter.provider !== undefined) query = query.where("provider", "=", filter.provider);
  if (filter.model !== undefined) query = query.where("model", "=", filter.model);
  if (filter.status) query = query.where("status", "=", filter.status);
  if (filter.status && filter.status !== "ok") query = query.where(sql<boolean>`status <> 'ok'`);
  if (filter.intent !== undefined) query = query.where("intent", "=", filter.intent);
  if (filter.sessionId !== undefined) {
    query = query.where("session_id", "=", filter.sessionId).where(sql<boolean>`session_id <> ''`);
  }
  if (filter.keyId !== undefined) {
    query = query.where("key_id", "=", filter.keyId);
    if (filter.keyId !== "") query = query.where(sql<boolean>`key_id <> ''`);
  }
  if (filter.labels) query = query.where(sql<boolean>`labels @> ${JSON.stringify(filter.labels)}::jsonb`);
  if (filter.minCostNanoUsd !== undefined) {
    query = query.where(sql<boolean>`cost_nano_usd >= ${filter.minCostNanoUsd}`);
  }
  if (filter.shadowDiffers) query = query.where(sql<boolean>`(decision #>> '{shadow,differs}') = 'true'`);
  if (filter.experimentId !== undefined) {
    query = query.where(sql<boolean>`(decision #>> '{experiment,id}') = ${filter.experimentId}`);
  }
  if (filter.experimentArm !== undefined) {
    query = query.where(sql<boolean>`(decision #>> '{experiment,arm}') = ${filter.experimentArm}`);
  }
  if (after) {
    const at = sql`timestamptz 'epoch' + ${after.createdAtUs}::bigint * interval '1 microsecond'`;
    query = query.where(sql<boolean>`(created_at, execution_id) < (${at}, ${after.executionId})`);
  }
  return query.execute();
};
