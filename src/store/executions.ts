/** Queries on orchestration_executions. */
import type { Insertable, Kysely, Selectable } from "kysely";
import type { AgentScoreSource } from "../routing/types.ts";
import { decisionDetails } from "./decision-details.ts";
import { type ColumnTypes, insertNew, insertNewText } from "./insert.ts";
import type { ExecutionIntent, ExecutionRecord } from "./records.ts";
import type { Database, ExecutionsTable } from "./tables.ts";
import { USAGE_COLUMNS, usageRow } from "./usage.ts";

/** What an agent's caller stated of it last; undefined: it has made no call that is recorded. */
export async function findStatedScore(
  db: Kysely<Database>,
  agentId: string,
): Promise<Readonly<{ score: number; source: AgentScoreSource }> | undefined> {
  const row = await db
    .selectFrom("orchestration_executions")
    .select(["agent_score", "decision"])
    .where("agent_id", "=", agentId)
    .orderBy("created_at", "desc")
    .limit(1)
    .executeTakeFirst();
  return row && { score: row.agent_score, source: row.decision?.agentScoreSource ?? "combined" };
}

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
  insertNew(
    db,
    "orchestration_executions",
    COLUMNS,
    records.map((record) => ({ ...beginningRow(record), ...endRow(record) })),
    "execution_id",
  );

/** The same of rows that are text already. @param rows JSON objects with commas between them */
export const insertExecutionTexts = (db: Kysely<Database>, rows: string): Promise<readonly string[]> =>
  insertNewText(db, "orchestration_executions", COLUMNS, rows, "execution_id");

/** What is known of an execution when its call is accepted. */
export const beginningRow = (intent: Omit<ExecutionIntent, "planned">) => ({
  execution_id: intent.executionId,
  agent_id: intent.agentId,
  session_id: intent.sessionId,
  user_tier: intent.userTier,
  intent: intent.intent,
  decision_id: intent.decisionId,
  ...decisionRow(intent.decision),
  labels: intent.labels,
  scoring_inputs: intent.scoringInputs ?? null,
  key_id: intent.keyId ?? "",
  created_at: intent.createdAt.toISOString(),
});

/** The rest of the row, known when it has ended. */
export const endRow = (record: ExecutionRecord) => ({
  provider: record.served.provider,
  model: record.served.model,
  status: record.status,
  failure_reason: record.failureReason,
  finish_reason: record.finishReason,
  ...usageRow(record),
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
