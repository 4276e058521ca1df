/** What the engine hands to the recorder. Plain data: no prompt, no answer, no key. */

import type { BudgetCharge } from "../budgets/types.ts";
import type { BilledTokens } from "../pricing/types.ts";
import type { ScoringInputs } from "../routing/scoring-inputs.ts";
import type { Decision, ModelTarget, Tier } from "../routing/types.ts";

export const USAGE_SOURCES = ["REPORTED", "PARTIAL", "ESTIMATED", "UNKNOWN"] as const;
export type UsageSource = (typeof USAGE_SOURCES)[number];
export type PriceStatus = "KNOWN" | "UNKNOWN";

/**
 * `ok`, `cancelled`, `deadline_exceeded`, `diverged` (could not continue what was already sent), `hedged_out` (stopped
 * because the attempt beside it answered first), or the provider failure's name.
 */
export type AttemptOutcome = string;
/** The outcomes that are not the provider's failing. */
export const NO_FAILURES = ["ok", "cancelled", "deadline_exceeded", "diverged", "hedged_out"] as const;

/** What led to an attempt. A retry asks the same target again, a hedge another one beside it. */
export type AttemptKind = "first" | "retry" | "fallback" | "hedge";

export type AttemptRecord = Readonly<{
  executionId: string;
  /** From 1. */
  attempt: number;
  kind: AttemptKind;
  target: ModelTarget;
  tier: Tier;
  outcome: AttemptOutcome;
  tokens: BilledTokens;
  /** Part of the output tokens; absent: not reported. */
  reasoningTokens?: number;
  usageSource: UsageSource;
  /** How the tokens that were not reported were estimated; absent when none were. */
  usageMethod?: string;
  /** 0n with `UNKNOWN` means nobody knows, not that it was free. */
  costNanoUsd: bigint;
  priceStatus: PriceStatus;
  /** The day the price in force took effect, YYYY-MM-DD; absent: unknown. */
  priceVersion?: string;
  /** What the provider's prompt cache saved; negative when writing to it cost more. 0n also when the price is unknown. */
  cacheSavingNanoUsd: bigint;
  latencyMs: number;
  /** Until the headers of the response; absent: none came. */
  headersMs?: number;
  /** Absent: no content token came. */
  ttftMs?: number;
  startedAt: Date;
}>;

export type ExecutionStatus = "ok" | "failed" | "cancelled" | "deadline_exceeded";

export type ExecutionRecord = Readonly<{
  executionId: string;
  agentId: string;
  sessionId: string;
  /** The caller's own word for its customer's plan; "": none. */
  userTier: string;
  intent: string;
  decision: Decision;
  decisionId: string;
  /** The target that served the answer; the chosen one when none did. */
  served: ModelTarget;
  status: ExecutionStatus;
  /** UPPER_SNAKE; absent when it succeeded. */
  failureReason?: string;
  finishReason?: string;
  tokens: BilledTokens;
  reasoningTokens?: number;
  usageSource: UsageSource;
  costNanoUsd: bigint;
  priceStatus: PriceStatus;
  /** Of all attempts together. */
  cacheSavingNanoUsd: bigint;
  latencyMs: number;
  ttftMs?: number;
  /** What the decision was made of. */
  scoringInputs?: ScoringInputs;
  labels: Readonly<Record<string, string>>;
  attempts: readonly AttemptRecord[];
  /** What it cost the budgets that it counts towards; absent: none. */
  charges?: readonly BudgetCharge[];
  /** Of whoever asked; absent: callers are not told apart. */
  keyId?: string;
  createdAt: Date;
}>;

/** What is known of an execution when its call is accepted. */
export type ExecutionIntent = Pick<
  ExecutionRecord,
  | "executionId"
  | "agentId"
  | "sessionId"
  | "userTier"
  | "intent"
  | "decision"
  | "decisionId"
  | "scoringInputs"
  | "labels"
  | "keyId"
  | "createdAt"
> &
  Readonly<{
    /** The target to be asked first. */
    planned: ModelTarget;
  }>;

/** Why no further call can be recorded. */
export type RecordObstacle = "spool_full" | "disk_full" | "disk_failing";

/** Takes what is told and returns at once; what happens to it is the recorder's business. */
export interface Recorder {
  /** Asked before a call is accepted; undefined: it can be recorded, whatever happens to the database. */
  findObstacle(): RecordObstacle | undefined;
  /** A call is accepted. Followed by `record` once it has ended, unless the process ends first. */
  begin(intent: ExecutionIntent): void;
  record(execution: ExecutionRecord): void;
  /**
   * To be waited for before a caller is told that a call has ended: its record is then as safe as was asked for. Never
   * rejects; undefined: it is already.
   */
  whenSafe(): Promise<void> | undefined;
}
