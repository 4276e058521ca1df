/** The tables of hourly sums as types. Only `rollups.ts` writes them, in SQL. Sums are bigints; `hour` is UTC. */

import type { Tier } from "../routing/types.ts";
import type { ExecutionStatus } from "./records.ts";

/** Attempts, by the hour they began in. */
export interface AttemptRollupsTable {
  hour: Date;
  provider: string;
  model: string;
  tier: Tier;
  outcome: string;
  calls: bigint;
  /** Failed, and another target was asked next. */
  fallbacks: bigint;
  hedges: bigint;
  calls_with_input: bigint;
  /** Read from the provider's prompt cache. */
  cache_hits: bigint;
  unpriced_calls: bigint;
  fresh_input_tokens: bigint;
  cached_input_tokens: bigint;
  cache_write_tokens: bigint;
  output_tokens: bigint;
  cost_nano_usd: bigint;
  cache_saving_nano_usd: bigint;
}

/** Durations of attempts in logarithmic buckets. */
export interface LatencyRollupsTable {
  hour: Date;
  provider: string;
  model: string;
  tier: Tier;
  /** `latency` of attempts that answered in full, `first_token` of all that began to. */
  measure: "latency" | "first_token";
  bucket: number;
  count: bigint;
}

/** Executions, by the hour they began in. */
export interface ExecutionRollupsTable {
  hour: Date;
  tier: Tier;
  provider: string;
  model: string;
  status: ExecutionStatus;
  executions: bigint;
  fallbacks: bigint;
  unpriced_executions: bigint;
  cost_nano_usd: bigint;
  cache_saving_nano_usd: bigint;
}

/** The same by agent. */
export interface AgentRollupsTable {
  hour: Date;
  /** False: the row of all agents that have none of their own. */
  named: boolean;
  agent_id: string;
  executions: bigint;
  errors: bigint;
  fallbacks: bigint;
  unpriced_executions: bigint;
  calls: bigint;
  unpriced_calls: bigint;
  cost_nano_usd: bigint;
  cache_saving_nano_usd: bigint;
}

/** Executions by tenths of their effective score, from 0 to 100. */
export interface ScoreRollupsTable {
  hour: Date;
  bucket: number;
  executions: bigint;
}
