/** The account of one call: its attempts, their sum, and one record at its end. */
import type { BudgetCharge } from "../budgets/types.ts";
import { tokenCount } from "../pricing/cost.ts";
import type { BilledTokens } from "../pricing/types.ts";
import type { FinishReason } from "../providers/provider.ts";
import { scoringInputsOf } from "../routing/scoring-inputs.ts";
import type { ModelTarget } from "../routing/types.ts";
import {
  type AttemptRecord,
  type ExecutionIntent,
  type ExecutionRecord,
  type PriceStatus,
  USAGE_SOURCES,
  type UsageSource,
} from "../store/records.ts";
import type { CompletionCall, EngineDeps } from "./call.ts";
import type { Decided } from "./decide.ts";

export type Totals = Readonly<{
  tokens: BilledTokens;
  reasoningTokens?: number;
  usageSource: UsageSource;
  costNanoUsd: bigint;
  priceStatus: PriceStatus;
  cacheSavingNanoUsd: bigint;
}>;

/** How a call ended; all but the status may be absent. */
export type Settlement = Readonly<{
  status: ExecutionRecord["status"];
  /** UPPER_SNAKE. */
  failureReason?: string;
  finishReason?: FinishReason;
  served?: ModelTarget;
  overheadMs: number;
}>;

const NO_TOKENS: BilledTokens = {
  freshInputTokens: 0,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 0,
};

/**
 * The sum of all attempts. What is known of it is as good as the worst known attempt that used anything: one that failed
 * before it used a token takes no certainty from the rest. One that was hedged out was at work, whatever it told us.
 */
export function totalsOf(attempts: readonly AttemptRecord[]): Totals {
  const used = attempts.filter(({ tokens, outcome }) => tokenCount(tokens) > 0 || outcome === "hedged_out");
  const reasoning = used
    .map(({ reasoningTokens }) => reasoningTokens)
    .filter((tokens) => tokens !== undefined);
  return {
    tokens: attempts.map(({ tokens }) => tokens).reduce(plus, NO_TOKENS),
    ...(reasoning.length > 0 && { reasoningTokens: reasoning.reduce((sum, tokens) => sum + tokens, 0) }),
    usageSource: worstSource(used.length > 0 ? used : attempts),
    costNanoUsd: attempts.reduce((sum, { costNanoUsd }) => sum + costNanoUsd, 0n),
    priceStatus: used.some(({ priceStatus }) => priceStatus === "UNKNOWN") ? "UNKNOWN" : "KNOWN",
    cacheSavingNanoUsd: attempts.reduce((sum, { cacheSavingNanoUsd }) => sum + cacheSavingNanoUsd, 0n),
  };
}

export class Execution {
  readonly id: string;
  /** In the order they ended. */
  readonly attempts: AttemptRecord[] = [];
  /** What they cost the budgets. */
  readonly charges: BudgetCharge[] = [];
  readonly startedMs: number;
  /** From the start to the first content handed to the caller. */
  ttftMs: number | undefined;
  /** Set by `settle`. */
  record: ExecutionRecord | undefined;
  /** What is known of it from the start. */
  readonly #intent: ExecutionIntent;
  readonly #call: CompletionCall;
  readonly #deps: EngineDeps;

  /** @param startedMs when the call came, on the monotonic clock */
  constructor(call: CompletionCall, { decision, decisionId }: Decided, startedMs: number, deps: EngineDeps) {
    const { request, labels, keyId = "" } = call;
    this.id = deps.newId();
    this.startedMs = startedMs;
    this.#intent = {
      executionId: this.id,
      agentId: request.agentId,
      sessionId: request.sessionId,
      userTier: request.userTier,
      intent: request.intent,
      decision,
      decisionId,
      planned: bare(decision.targets[0]),
      scoringInputs: scoringInputsOf(request, decision),
      labels,
      ...(keyId !== "" && { keyId }),
      createdAt: deps.clock.wallDate(),
    };
    this.#call = call;
    this.#deps = deps;
  }

  /** Hands on that it was accepted: from now on it is recorded, even if the process ends before it does. */
  begin(): void {
    this.#deps.recorder.begin(this.#intent);
  }

  /** Hands the record on, the first time it is called; later calls change nothing. */
  settle(settlement: Settlement): ExecutionRecord {
    if (this.record !== undefined) return this.record;
    const { status, failureReason, finishReason, served, overheadMs } = settlement;
    const { planned, ...known } = this.#intent;
    const record: ExecutionRecord = {
      ...known,
      served: bare(served ?? planned),
      status,
      ...(failureReason !== undefined && { failureReason }),
      ...(finishReason !== undefined && { finishReason }),
      ...totalsOf(this.attempts),
      latencyMs: this.#deps.clock.nowMs() - this.startedMs,
      ...(this.ttftMs !== undefined && { ttftMs: this.ttftMs }),
      attempts: this.attempts,
      ...(this.charges.length > 0 && { charges: this.charges }),
    };
    this.record = record;
    this.#deps.recorder.record(record);
    this.#deps.observer.onExecution(record, overheadMs);
    this.#call.observer?.onExecution(record);
    return record;
  }
}

/** A target and nothing else: what was planned for it stays in the decision. */
export const bare = ({ provider, model }: ModelTarget): ModelTarget => ({ provider, model });

function plus(a: BilledTokens, b: BilledTokens): BilledTokens {
  return {
    freshInputTokens: a.freshInputTokens + b.freshInputTokens,
    cachedInputTokens: a.cachedInputTokens + b.cachedInputTokens,
    cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
    outputTokens: a.outputTokens + b.outputTokens,
  };
}

/** `USAGE_SOURCES` runs from the surest to the least sure. */
function worstSource(attempts: readonly AttemptRecord[]): UsageSource {
  const ranks = attempts.map(({ usageSource }) => USAGE_SOURCES.indexOf(usageSource));
  return USAGE_SOURCES[Math.max(...ranks)] ?? "UNKNOWN";
}
