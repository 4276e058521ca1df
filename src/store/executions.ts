/** Queries on orchestration_executions. */
import type { Insertable, Kysely, Selectable } from "kysely";
import type { Database, ExecutionsTable } from "./database.ts";
import { decisionDetails } from "./decision-details.ts";
import { type ColumnTypes, insertNew } from "./insert.ts";
import type { ExecutionRecord } from "./records.ts";
import { USAGE_COLUMNS, usageRow } from "./usage.ts";

export type StoredExecution = Selectable<ExecutionsTable>;
type NewExecution = Insertable<ExecutionsTable>;

const COLUMNS: ColumnTypes<NewExecution> = {
  execution_id: "text",
  agent_id: "text",
  session_id: "text",
  user_tier: "text",
  intent: "text",
  decision_id: "text",
  tier: "text",
  provider: "text",
  model: "text",
  effective_score: "double precision",
  agent_score: "double precision",
  step_score: "double precision",
  factors: "jsonb",
  causes: "jsonb",
  decision: "jsonb",
  config_version: "bigint",
  preset: "text",
  scorer: "text",
  status: "text",
  failure_reason: "text",
  finish_reason: "text",
  labels: "jsonb",
  scoring_inputs: "jsonb",
  sandbox: "boolean",
  key_id: "text",
  ...USAGE_COLUMNS,
};

/** Inserts the executions, without their attempts; those already there stay as they are. @returns ids of the new ones */
export const insertExecutions = (
  db: Kysely<Database>,
  records: readonly ExecutionRecord[],
): Promise<readonly string[]> =>
  insertNew(db, "orchestration_executions", COLUMNS, records.map(executionRow), "execution_id");

const executionRow = (record: ExecutionRecord): NewExecution => ({
  execution_id: record.executionId,
  agent_id: record.agentId,
  session_id: record.sessionId,
  user_tier: record.userTier,
  intent: record.intent,
  decision_id: record.decisionId,
  provider: record.served.provider,
  model: record.served.model,
  ...decisionRow(record.decision),
  status: record.status,
  failure_reason: record.failureReason,
  finish_reason: record.finishReason,
  labels: record.labels,
  scoring_inputs: record.scoringInputs ?? null,
  key_id: record.keyId ?? "",
  ...usageRow(record),
  created_at: record.createdAt,
});

const decisionRow = (decision: ExecutionRecord["decision"]) => ({
  tier: decision.tier,
  effective_score: decision.effectiveScore,
  agent_score: decision.agentScore,
  step_score: decision.stepScore,
  factors: decision.factors,
  causes: decision.causes,
  decision: decisionDetails(decision),
  config_version: decision.configVersion,
  preset: decision.preset,
  scorer: `${decision.scorer.name}@${decision.scorer.version}`,
  sandbox: decision.sandbox,
});

/** @param keyId only if it is this key's */
export const findExecution = (
  db: Kysely<Database>,
  executionId: string,
  keyId?: string,
): Promise<StoredExecution | undefined> => {
  const query = db.selectFrom("orchestration_executions").selectAll().where("execution_id", "=", executionId);
  return (keyId === undefined ? query : query.where("key_id", "=", keyId)).executeTakeFirst();
};
