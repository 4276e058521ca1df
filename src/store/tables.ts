/** The tables as types. */
import type { ColumnType, Generated, GeneratedAlways } from "kysely";
import type { Role } from "../access/types.ts";
import type { AgentState, Level } from "../agent-score/types.ts";
import type { BudgetPeriod, BudgetScope, BudgetUnit } from "../budgets/types.ts";
import type { Experiment, ExperimentState, ExperimentStatus } from "../experiments/types.ts";
import type { ScoringInputs } from "../routing/scoring-inputs.ts";
import type { Cause, ScoreFactor, Tier } from "../routing/types.ts";
import type { DecisionDetails } from "./decision-details.ts";
import type { AttemptKind, ExecutionStatus, PriceStatus, UsageSource } from "./records.ts";
import type {
  AgentRollupsTable,
  AttemptRollupsTable,
  ExecutionRollupsTable,
  LatencyRollupsTable,
  ScoreRollupsTable,
} from "./rollup-tables.ts";

export interface Database {
  orchestration_executions: ExecutionsTable;
  ai_analytics: AttemptsTable;
  feedback: FeedbackTable;
  attempt_rollups: AttemptRollupsTable;
  latency_rollups: LatencyRollupsTable;
  execution_rollups: ExecutionRollupsTable;
  agent_rollups: AgentRollupsTable;
  score_rollups: ScoreRollupsTable;
  orchestration_config_versions: ConfigVersionsTable;
  idempotency_keys: IdempotencyKeysTable;
  stored_prompts: StoredPromptsTable;
  audit_log: AuditLogTable;
  api_keys: ApiKeysTable;
  limit_usage: LimitUsageTable;
  agent_scores: AgentScoresTable;
  fleet_scores: FleetScoresTable;
  agent_outcomes: AgentOutcomesTable;
  experiments: ExperimentsTable;
  experiment_units: ExperimentUnitsTable;
  budgets: BudgetsTable;
  budget_accounts: BudgetAccountsTable;
  budget_leases: BudgetLeasesTable;
}

/** Written once as part of a JSON document, in which a bigint travels as its digits. */
type NanoUsd = ColumnType<bigint, string, never>;
/** Exact decimal digits; null when the price is unknown and nothing of the cost is. */
type Usd = GeneratedAlways<string | null>;
/** The same: JSON.stringify takes twice as long over an object with a Date in it. */
type Moment = ColumnType<Date, string, never>;
/** Read as what was written. */
type Json<T> = ColumnType<T, T, never>;

interface UsageColumns {
  fresh_input_tokens: number;
  cached_input_tokens: number;
  cache_write_tokens: number;
  /** Reasoning included. */
  output_tokens: number;
  /** Part of the output; null: not reported. */
  reasoning_tokens: number | null;
  usage_source: UsageSource;
  cost_nano_usd: NanoUsd;
  cost_usd: Usd;
  price_status: PriceStatus;
  /** What the provider's prompt cache saved; negative when writing to it cost more. */
  cache_saving_nano_usd: NanoUsd;
  latency_ms: number;
  /** Null: no content token came. */
  ttft_ms: number | null;
  created_at: Moment;
}

/** One row per execution. */
export interface ExecutionsTable extends UsageColumns {
  execution_id: string;
  agent_id: string;
  session_id: string;
  user_tier: string;
  intent: string;
  decision_id: string;
  /** As decided; provider and model are those that served. */
  tier: Tier;
  provider: string;
  model: string;
  effective_score: number;
  agent_score: number;
  step_score: number | null;
  factors: Json<readonly ScoreFactor[]>;
  causes: Json<readonly Cause[]>;
  /** What else explains the decision; null in rows from before it was kept. */
  decision: Json<DecisionDetails | null>;
  config_version: ColumnType<bigint, number, never>;
  preset: string;
  /** "name@version". */
  scorer: string;
  status: ExecutionStatus;
  failure_reason: string | null;
  finish_reason: string | null;
  labels: Json<Readonly<Record<string, string>>>;
  /** Null: written by a release that did not record them. */
  scoring_inputs: Json<ScoringInputs | null>;
  /** The sandbox answered in place of the providers. */
  sandbox: boolean;
  /** Of whoever asked; "" where callers are not told apart, and in rows from before they were. */
  key_id: Generated<string>;
}

/** One row per provider attempt. */
export interface AttemptsTable extends UsageColumns {
  execution_id: string;
  /** From 1. */
  attempt: number;
  provider: string;
  model: string;
  tier: Tier;
  outcome: string;
  /** What led to it; null in rows from before it was kept. */
  kind: AttemptKind | null;
  headers_ms: number | null;
  /** The day the price in force took effect, YYYY-MM-DD. */
  price_version: string | null;
  /** How the tokens were estimated that were not reported; null: none were. */
  usage_method: string | null;
}

/** One row per piece of feedback. */
export interface FeedbackTable {
  /** Its execution may not be written yet. */
  execution_id: string;
  feedback_id: string;
  /** From 1 to 5. */
  quality: number | null;
  success: boolean | null;
  comment: string;
  created_at: Generated<Date>;
}

/** One row per published configuration. */
export interface ConfigVersionsTable {
  version: bigint;
  /** As the contract writes a RoutingConfig in JSON. */
  document: ColumnType<unknown, string, never>;
  author: string;
  comment: string;
  based_on: ColumnType<bigint, number, never>;
  /** The version whose document it took over; null: it is no rollback. */
  rolled_back_to: ColumnType<bigint | null, number | null, never>;
  created_at: Generated<Date>;
}

/** One row per change that matters to everyone. */
export interface AuditLogTable {
  entry_id: GeneratedAlways<bigint>;
  action: string;
  author: string;
  subject: string;
  detail: ColumnType<unknown, string, never>;
  created_at: Generated<Date>;
}

/** One row per API key; its secret is not kept. */
export interface ApiKeysTable {
  key_id: string;
  name: string;
  role: Role;
  hash: Uint8Array;
  pepper_id: string;
  /** Of the secret from before the last rotation. */
  previous_hash: Uint8Array | null;
  previous_expires_at: Date | null;
  revision: Generated<number>;
  created_at: Generated<Date>;
  created_by: string;
  /** Null: it does not expire. */
  expires_at: Date | null;
  revoked_at: Date | null;
  /** Null, these three: not limited. */
  requests_per_minute: number | null;
  tokens_per_minute: number | null;
  concurrent_calls: number | null;
}

/** What a replica has let a key with limits take; see `limit-usage.ts`. */
export interface LimitUsageTable {
  key_id: string;
  replica_id: string;
  requests: number;
  tokens: number;
  calls: number;
  wanted: number;
  updated_at: Date;
}

/** One row per agent that anything was learned of. */
export interface AgentScoresTable {
  agent_id: string;
  state: Json<AgentState>;
  updated_at: Generated<Date>;
}

/** What was learned of all agents together; one row at most. */
export interface FleetScoresTable {
  is_only: Generated<boolean>;
  state: Json<Level>;
  updated_at: Generated<Date>;
}

/** One row per outcome that waits to be learned. */
export interface AgentOutcomesTable {
  execution_id: string;
  /** "": the execution's own outcome, with all that was said of it by then. */
  feedback_id: string;
  due_at: Date;
}

/** One row per experiment. */
export interface ExperimentsTable {
  experiment_id: string;
  /** In the order in which they were started. */
  number: GeneratedAlways<bigint>;
  definition: ColumnType<Experiment, string, string>;
  state: ColumnType<ExperimentState, string, string>;
  status: ExperimentStatus;
  /** Of the definition, for those who write units. */
  unit_window_ms: ColumnType<bigint, number, never>;
  feedback_wait_ms: ColumnType<bigint, number, never>;
  started_at: Generated<Date>;
  stopped_at: Date | null;
}

/** One row per unit that was drawn into an arm. */
export interface ExperimentUnitsTable {
  experiment_id: string;
  unit: string;
  /** That of its first call. */
  arm: string;
  /** The shares that were in force then. */
  split: number;
  first_at: Date;
  /** When its calls and what was said of them are looked at. */
  closes_at: Date;
  counted: Generated<boolean>;
}

/** One row per idempotency key that is in flight or has an outcome. */
export interface IdempotencyKeysTable {
  /** The caller it belongs to; "" where callers are not told apart. */
  scope: string;
  /** SHA-256; the key itself is not kept. */
  key_hash: Uint8Array;
  body_hash: Uint8Array;
  /** Of whoever may write the outcome. */
  claim_id: string;
  state: "in_flight" | "answered" | "failed";
  /** Null while in flight. */
  outcome: Uint8Array | null;
  created_at: Generated<Date>;
  expires_at: Date;
}

/** One row per execution whose texts are stored. */
export interface StoredPromptsTable {
  execution_id: string;
  agent_id: string;
  /** Of whoever asked; "" where callers are not told apart. */
  key_id: string;
  /** As `prompts/seal.ts` made it. */
  sealed: Uint8Array;
  sealing_key_id: string;
  created_at: Date;
  expires_at: Date;
}

/** One row per budget. */
export interface BudgetsTable {
  budget_id: string;
  scope: BudgetScope["kind"];
  /** The label's key; "" for another scope. */
  scope_key: string;
  /** The label's value, the agent or the key's id; "" for everything. */
  scope_value: string;
  period: BudgetPeriod;
  limit_nano_usd: ColumnType<bigint | null, string | null, string | null>;
  limit_tokens: ColumnType<bigint | null, string | null, string | null>;
  created_at: Generated<Date>;
}

interface BudgetAccountKey {
  budget_id: string;
  unit: BudgetUnit;
  period: BudgetPeriod;
  period_start: Date;
}

/** One row per budget, unit and period in which anything was leased or spent. */
export interface BudgetAccountsTable extends BudgetAccountKey {
  spent: bigint;
  /** The sum of its leases, expired ones included until they are taken back. */
  leased: bigint;
  recalled_at: Date | null;
  recalled_by: string | null;
}

/** One row per slice that a replica holds. */
export interface BudgetLeasesTable extends BudgetAccountKey {
  lease_id: string;
  amount: bigint;
  expires_at: Date;
}
