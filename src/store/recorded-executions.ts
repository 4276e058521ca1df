/** Recorded executions as a backtest reads them: page by page, newest first. */
import type { ExpressionBuilder, Kysely } from "kysely";
import type { BilledTokens } from "../pricing/types.ts";
import type { ScoringInputs } from "../routing/scoring-inputs.ts";
import type { ModelTarget, Tier } from "../routing/types.ts";
import { listOutcomes, type RecordedOutcome } from "./recorded-outcomes.ts";
import type { Database } from "./tables.ts";

export type RecordedExecution = Readonly<{
  executionId: string;
  createdAt: Date;
  agentId: string;
  intent: string;
  tier: Tier;
  /** The target that served. */
  served: ModelTarget;
  tokens: BilledTokens;
  costNanoUsd: bigint;
  isPriced: boolean;
  /** Absent: recorded by a release that did not keep them. */
  inputs?: ScoringInputs;
  /** Absent: the call had no step. */
  stepScore?: number;
  /** Absent: another target than the chosen one answered, or was asked too. */
  outcome?: RecordedOutcome;
}>;

export type RecordedFilter = Readonly<{
  from: Date;
  /** Exclusive. */
  to: Date;
  agentId?: string;
  intent?: string;
  tier?: Tier;
}>;

const COLUMNS = [
  "execution_id",
  "created_at",
  "agent_id",
  "intent",
  "tier",
  "provider",
  "model",
  "fresh_input_tokens",
  "cached_input_tokens",
  "cache_write_tokens",
  "output_tokens",
  "cost_nano_usd",
  "price_status",
  "scoring_inputs",
  "step_score",
] as const;

/** How many there are, counting no further than `most`. */
export async function countRecorded(
  db: Kysely<Database>,
  filter: RecordedFilter,
  most: number,
): Promise<number> {
  const some = db
    .selectFrom("orchestration_executions")
    .select("execution_id")
    .where((eb) => matching(eb, filter))
    .limit(most);
  const { count } = await db
    .selectFrom(some.as("some"))
    .select(({ fn }) => fn.countAll<bigint>().as("count"))
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** The next page. @param after the last of the page before; absent: from the newest on */
export async function listRecorded(
  db: Kysely<Database>,
  filter: RecordedFilter,
  limit: number,
  after?: Pick<RecordedExecution, "createdAt" | "executionId">,
): Promise<readonly RecordedExecution[]> {
  let query = db
    .selectFrom("orchestration_executions")
    .select(COLUMNS)
    .where((eb) => matching(eb, filter));
  if (after !== undefined) {
    const { createdAt, executionId } = after;
    query = query.where((eb) =>
      eb(eb.refTuple("created_at", "execution_id"), "<", eb.tuple(createdAt, executionId)),
    );
  }
  const rows = await query
    .orderBy("created_at", "desc")
    .orderBy("execution_id", "desc")
    .limit(limit)
    .execute();
  const outcomes = await listOutcomes(
    db,
    rows.map(({ execution_id: id }) => id),
  );
  return rows.map((row) =>
    withOutcome(outcomes.get(row.execution_id), {
      executionId: row.execution_id,
      createdAt: row.created_at,
      agentId: row.agent_id,
      intent: row.intent,
      tier: row.tier,
      served: { provider: row.provider, model: row.model },
      tokens: {
        freshInputTokens: row.fresh_input_tokens,
        cachedInputTokens: row.cached_input_tokens,
        cacheWriteTokens: row.cache_write_tokens,
        outputTokens: row.output_tokens,
      },
      costNanoUsd: row.cost_nano_usd,
      isPriced: row.price_status === "KNOWN",
      ...(row.scoring_inputs !== null && { inputs: row.scoring_inputs }),
      ...(row.step_score !== null && { stepScore: row.step_score }),
    }),
  );
}

const withOutcome = (
  outcome: RecordedOutcome | undefined,
  execution: RecordedExecution,
): RecordedExecution => (outcome === undefined ? execution : { ...execution, outcome });

function matching(eb: ExpressionBuilder<Database, "orchestration_executions">, filter: RecordedFilter) {
  const { from, to, agentId, intent, tier } = filter;
  return eb.and([
    eb("created_at", ">=", from),
    eb("created_at", "<", to),
    ...(agentId === undefined ? [] : [eb("agent_id", "=", agentId)]),
    ...(intent === undefined ? [] : [eb("intent", "=", intent)]),
    ...(tier === undefined ? [] : [eb("tier", "=", tier)]),
  ]);
}
