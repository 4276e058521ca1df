/** What was written down of the calls: rows as an operator reads them, over the database's own socket. */
import type pg from "pg";

export type Tokens = Readonly<{
  freshInput: number;
  cachedInput: number;
  cacheWrite: number;
  output: number;
}>;

export type AttemptRow = Readonly<{
  attempt: number;
  target: string;
  outcome: string;
  tokens: Tokens;
  usageSource: "REPORTED" | "PARTIAL" | "ESTIMATED" | "UNKNOWN";
  costNanoUsd: bigint;
  priceStatus: "KNOWN" | "UNKNOWN";
  priceVersion: string | null;
  usageMethod: string | null;
}>;

export type ExecutionRow = Readonly<{
  executionId: string;
  decisionId: string;
  status: "ok" | "failed" | "cancelled" | "deadline_exceeded";
  failureReason: string | null;
  target: string;
  tokens: Tokens;
  usageSource: AttemptRow["usageSource"];
  costNanoUsd: bigint;
  latencyMs: number;
  attempts: readonly AttemptRow[];
  /** The row and those of its attempts as text, to look for what must not be there. */
  whole: string;
}>;

type Raw = Record<string, unknown>;

/** In the order in which they were made. */
export async function readExecutions(database: pg.Client, agentId: string): Promise<readonly ExecutionRow[]> {
  const { rows } = await database.query(
    `select to_jsonb(e) || jsonb_build_object('cost_nano_usd', e.cost_nano_usd::text, 'attempts', (
       select coalesce(jsonb_agg(to_jsonb(a) || jsonb_build_object('cost_nano_usd', a.cost_nano_usd::text) order by a.attempt), '[]')
       from ai_analytics a where a.execution_id = e.execution_id)) as execution
     from orchestration_executions e where e.agent_id = $1 order by e.created_at`,
    [agentId],
  );
  return rows.map(({ execution }) => executionOf(execution as Raw));
}

/** Executions of an agent that are written so far. */
export async function countExecutions(database: pg.Client, agentId: string): Promise<number> {
  const { rows } = await database.query(
    "select count(*)::int as count from orchestration_executions where agent_id = $1",
    [agentId],
  );
  return rows[0].count;
}

function executionOf(row: Raw): ExecutionRow {
  return {
    executionId: String(row.execution_id),
    decisionId: String(row.decision_id),
    status: row.status as ExecutionRow["status"],
    failureReason: row.failure_reason as string | null,
    ...usedOf(row),
    latencyMs: Number(row.latency_ms),
    attempts: (row.attempts as Raw[]).map(attemptOf),
    whole: JSON.stringify(row),
  };
}

const attemptOf = (row: Raw): AttemptRow => ({
  attempt: Number(row.attempt),
  outcome: String(row.outcome),
  ...usedOf(row),
  priceStatus: row.price_status as AttemptRow["priceStatus"],
  priceVersion: row.price_version as string | null,
  usageMethod: row.usage_method as string | null,
});

const usedOf = (row: Raw) => ({
  target: `${row.provider}/${row.model}`,
  tokens: {
    freshInput: Number(row.fresh_input_tokens),
    cachedInput: Number(row.cached_input_tokens),
    cacheWrite: Number(row.cache_write_tokens),
    output: Number(row.output_tokens),
  },
  usageSource: row.usage_source as AttemptRow["usageSource"],
  costNanoUsd: BigInt(String(row.cost_nano_usd)),
});
