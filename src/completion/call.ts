/** What the engine is given: the call, and everything that varies around it. */
import type { Budgets } from "../budgets/budgets.ts";
import type { BilledTokens, CatalogueModel } from "../pricing/types.ts";
import type {
  ChatMessage,
  FinishReason,
  ModelProvider,
  ResponseFormat,
  TokenUsage,
  ToolChoice,
  ToolDefinition,
} from "../providers/provider.ts";
import type { ProviderErrorDetails, ProviderFailure } from "../providers/provider-error.ts";
import type {
  Decision,
  DecisionExperiment,
  Delivery,
  ModelTarget,
  PlannedTarget,
  RoutingConfig,
  RoutingRequest,
  RoutingResult,
} from "../routing/types.ts";
import type { AttemptRecord, ExecutionRecord, PriceStatus, Recorder } from "../store/records.ts";
import type { Decided } from "./decide.ts";
import type { HedgeBudget, HedgeOutcome } from "./hedge-budget.ts";
import type { RetryBudget } from "./retry-budget.ts";
import type { TargetHealth } from "./target-health.ts";

export type CompletionCall = Readonly<{
  request: RoutingRequest;
  /** Made before, under the configuration in force; absent: the engine decides. */
  decided?: Decided;
  /** Makes it again for what the budgets leave. With `decided` only. @throws CompletionError when nothing can be decided */
  decideAgain?(request: RoutingRequest): Decided;
  messages: readonly ChatMessage[];
  tools: readonly ToolDefinition[];
  toolChoice?: ToolChoice;
  parallelToolCalls?: boolean;
  responseFormat: ResponseFormat;
  /** Absent: as the decided tier's configuration says. */
  delivery?: Delivery;
  /** The caller understands `reset`. */
  acceptRestart: boolean;
  labels: Readonly<Record<string, string>>;
  /** Its texts are not stored, whatever the service is told to do. */
  withoutPromptStorage?: boolean;
  /** Of whoever asks; absent: callers are not told apart. */
  keyId?: string;
  /** Aborted when the caller goes away; upstream is closed in the same tick. */
  signal: AbortSignal;
  /** What the caller gives the whole call, in ms from now; absent: as configured for its tier; more than 900,000 is cut to that. */
  timeoutMs?: number;
  /** Follows this one call; absent: nobody does. */
  observer?: CallObserver;
}>;

/** Both as of one moment; a call keeps them to its end, whatever is published meanwhile. */
export type EngineSnapshot = Readonly<{
  config: RoutingConfig;
  /** By id. */
  providers: ReadonlyMap<string, ModelProvider>;
  /** Whose arm the configuration is; absent: it is the one in force. */
  experiment?: DecisionExperiment;
}>;

/** What a snapshot is taken for: a request, and what was decided of it before. */
export type SnapshotOf = Pick<CompletionCall, "request" | "decided">;

export type EngineClock = Readonly<{
  /** Monotonic, in ms. */
  nowMs(): number;
  wallDate(): Date;
}>;

export type Pricing = Readonly<{
  billedTokens(usage: TokenUsage): BilledTokens;
  /** @param day UTC, YYYY-MM-DD */
  costOf(
    model: CatalogueModel | undefined,
    day: string,
    tokens: BilledTokens,
  ): Readonly<{ costNanoUsd: bigint; priceStatus: PriceStatus; priceVersion?: string }>;
  /** In nano-USD; may be negative. */
  cacheSavingOf(model: CatalogueModel | undefined, day: string, tokens: BilledTokens): bigint;
}>;

export type EngineDeps = Readonly<{
  /** The configuration in force, or of the arm of an experiment that the call is drawn into, or was when it was decided. */
  snapshot(of: SnapshotOf): EngineSnapshot;
  /** The router with the state of the providers, `health.states()` among it, filled in. */
  route(request: RoutingRequest, config: RoutingConfig): RoutingResult;
  pricing: Pricing;
  /** One for the process, as are the two budgets. */
  health: TargetHealth;
  retryBudget: RetryBudget;
  hedgeBudget: HedgeBudget;
  /** What calls may spend; absent: as much as they like. */
  budgets?: Pick<Budgets, "find">;
  recorder: Recorder;
  observer: EngineObserver;
  clock: EngineClock;
  /** In [0, 1). */
  random(): number;
  /** A new unique id, for decisions and executions. */
  newId(): string;
}>;

/** For metrics and logs. Called synchronously, after the fact; must not throw. */
export type EngineObserver = Readonly<{
  onDecision(decision: Decision, decisionId: string): void;
  onAttempt(attempt: AttemptRecord, report: AttemptReport): void;
  onFallback(from: ModelTarget, to: ModelTarget, failure: ProviderFailure): void;
  /** Once for every second attempt that was started beside a late one. */
  onHedge(outcome: HedgeOutcome): void;
  /** @param overheadMs our own share of its latency */
  onExecution(execution: ExecutionRecord, overheadMs: number): void;
}>;

/** One call as it runs, for traces. Called synchronously; must not throw. */
export type CallObserver = Readonly<{
  /** An attempt begins; a hedged call has two at once. @param attempt from 1 */
  onAttempt(attempt: number, target: PlannedTarget): AttemptObserver;
  /** It has ended, and all its attempts before it. */
  onExecution(execution: ExecutionRecord): void;
}>;

export type AttemptObserver = Readonly<{
  /** To be sent to the provider with the request: name, value, name, value. */
  headers: readonly string[];
  onEnd(attempt: AttemptRecord, report: AttemptReport): void;
}>;

/** What is worth counting or logging of an attempt and is not in its record. Holds no text of the provider's but its model's name. */
export type AttemptReport = Readonly<{
  /** Present when it failed. */
  details?: ProviderErrorDetails;
  /** Present when the provider said that its answer was whole, also where that was not wanted any more. */
  finish?: Readonly<{ reason: FinishReason; model?: string }>;
  /** Malformed frames that were skipped. */
  skippedFrames: number;
  /** The provider reported usage twice, and differently. */
  usageMismatch: boolean;
}>;
