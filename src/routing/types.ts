/**
 * The words of routing: what a request says, what the operator configured, what is known of the providers, and (in
 * decision.ts) the decision made of the three. Plain data; nothing here reads a clock, a socket or the environment.
 */
import type { ExplorationSettings } from "../agent-score/explore.ts";
import type { AgentHistory } from "../agent-score/types.ts";
import type { Catalogue } from "../pricing/types.ts";
import type { OfferedTool } from "../scoring/types.ts";

export * from "./decision.ts";

/** From cheapest to strongest; the order is used to raise and lower. */
export const TIERS = ["fast", "balanced", "powerful"] as const;
export type Tier = (typeof TIERS)[number];

/** One model at one provider: "kimi" and "kimi-k2-0905-preview". */
export type ModelTarget = Readonly<{ provider: string; model: string }>;

export const INTENTS = [
  "extract",
  "summarize",
  "generate",
  "validate",
  "send",
  "transform",
  "conditional",
  "aggregate",
  "filter",
  "enrich",
  "scatter_gather",
  "llm_decision",
  "ai_processing",
  "switch",
  "action",
] as const;
export type Intent = (typeof INTENTS)[number];
/** `unspecified`: the caller said nothing. `unknown`: a value this version does not know. Both score as "any other". */
export type StepType = Intent | "unspecified" | "unknown";

/** A condition tree. Only leaves count; `all`, `any` and `not` count what is under them. */
export type Condition =
  | Readonly<{ kind: "leaf"; expression: string }>
  | Readonly<{ kind: "all" | "any"; conditions: readonly Condition[] }>
  | Readonly<{ kind: "not"; condition: Condition }>;

/** A step as its planner wrote it. */
export type Step = Readonly<{
  /** Falls back to the request's intent when `unspecified`. */
  type: StepType;
  name: string;
  description: string;
  prompt: string;
  /** The JSON of the step's parameters, compact; "" when it has none. */
  paramsJson: string;
  /** Size of the input data the step reads, in bytes. */
  inputDataBytes: number;
  condition?: Condition;
  executeIf?: Condition;
  /** Cases of a switch. */
  switchCases: number;
  aggregations: number;
  mappedFields: number;
  hasConfiguration: boolean;
  /** Numbers the caller already knows; each wins over the one that would be derived. */
  measured: StepMeasurements;
}>;

/** Counts, each a whole number >= 0. */
export type StepMeasurements = Readonly<{
  promptCharacters?: number;
  dataBytes?: number;
  conditions?: number;
  references?: number;
}>;

/** Chat messages, as far as scoring reads them: text and the size of what is attached. */
export type ChatInput = Readonly<{
  /** The text parts in order. */
  texts: readonly string[];
  /** Bytes of images and other attachments. */
  attachmentBytes: number;
  /** How many of them; absent: none. */
  attachments?: number;
  /** Of the conversation so far; absent: as many as texts. */
  messages?: number;
  /** What the model may call; absent: nothing. */
  tools?: readonly OfferedTool[];
  /** Of the assistant's messages; absent: there is none. It is sent, and not scored: it is the model's own. */
  reasoning?: ReasoningInput;
}>;

/** The reasoning of earlier answers, as far as it matters where it goes. */
export type ReasoningInput = Readonly<{
  /** The text of it. */
  texts: readonly string[];
  /** Some has no signature. */
  hasUnsigned: boolean;
  /** Some can be read by its provider alone. */
  hasEncrypted: boolean;
}>;

/** Dimensionless, in [0, 10]. Absent is not 0. */
export type AgentScores = Readonly<{ creation?: number; execution?: number; combined?: number }>;

/** What a target must be able to take for this request. */
export type Needs = Readonly<{
  tools: boolean;
  forcedTools: boolean;
  images: boolean;
  jsonObject: boolean;
  jsonSchema: boolean;
}>;

/** Sampling the caller asked for. Absent: the tier's default, or the provider's. */
export type Sampling = Readonly<{
  temperature?: number;
  topP?: number;
  maxOutputTokens?: number;
  stop?: readonly string[];
  seed?: number;
}>;

/** What is left of one limit of one budget, in nano-USD or in tokens. >= 0. */
export type Fund = Readonly<{ budgetId: string; unit: "nano_usd" | "tokens"; left: bigint }>;

export type Funds = Readonly<{
  /** The most input tokens the call can be billed; absent: the messages are not known, and the estimate counts. */
  mostInputTokens?: number;
  /** Each of them must pay for the whole call. Not empty. */
  accounts: readonly Fund[];
}>;

export type RoutingRequest = Readonly<{
  agentId: string;
  sessionId: string;
  userTier: string;
  intent: StepType;
  step?: Step;
  /** Present on a completion; scored in place of a step when there is none. */
  chat?: ChatInput;
  agentScores: AgentScores;
  /** Tokens left; absent: no budget. Whole, >= 0. */
  budgetRemainingTokens?: number;
  /** What the operator's budgets leave for this call; absent: none applies, or they pay for all of it. */
  funds?: Funds;
  /** Whole, >= 0. */
  previousFailures: number;
  constraints: Readonly<{
    tier?: Tier;
    minimumTier?: Tier;
    target?: ModelTarget;
    /** Tried after the first choice, in this order and in place of the tier's own. Not empty; absent: the tier's own. */
    fallbacks?: readonly ModelTarget[];
  }>;
  needs: Needs;
  sampling: Sampling;
}>;

export const FACTORS = ["prompt", "data", "conditions", "context", "reasoning", "output"] as const;
export type FactorName = (typeof FACTORS)[number];
/** The four that are measured; the other two are estimated from the step type. */
export type MeasuredFactor = Exclude<FactorName, "reasoning" | "output">;

/** Upper bounds, exclusive: below low scores 2, below medium 5, below high 7, otherwise 9. */
export type FactorLimits = Readonly<{ low: number; medium: number; high: number }>;
export type FactorWeights = Readonly<Record<FactorName, number>>;
export const WEIGHT_SETS = ["generative", "transform", "conditional", "other"] as const;
export type WeightSet = (typeof WEIGHT_SETS)[number];

export type TierConfig = Readonly<{
  /** In the order to try them; never empty. */
  targets: readonly ModelTarget[];
  maxOutputTokens: number;
  temperature?: number;
  timers: AttemptTimers;
  /** Of calls that do not say; absent: as the whole configuration says. */
  delivery?: Delivery;
  /** What its calls may take where that differs from the configuration's own. */
  limits?: Partial<CallLimits>;
}>;

export const DELIVERIES = ["LIVE", "ASSURED"] as const;
/** `LIVE`: content flows as it comes. `ASSURED`: nothing before the provider's end, so every failure can be repaired. */
export type Delivery = (typeof DELIVERIES)[number];

export const PROMPT_CACHE_POLICIES = ["sessions", "off"] as const;
/** Which calls ask the providers to cache their prompt: see `cachesPrompt`. */
export type PromptCachePolicy = (typeof PROMPT_CACHE_POLICIES)[number];

/** All in ms, per attempt. */
export type AttemptTimers = Readonly<{
  headersMs: number;
  firstTokenMs: number;
  byteSilenceMs: number;
  contentSilenceMs: number;
}>;

/** A second attempt beside one whose first token is later than its target's p95. */
export type HedgingConfig = Readonly<{
  enabled: boolean;
  /** The most calls that get one, in [0, 1]. */
  shareOfCalls: number;
}>;

/** When the same target is asked a second time. The limits hold for the whole process, over any ten seconds. */
export type RetryConfig = Readonly<{
  /** In [0, 1]. */
  shareOfCalls: number;
  /** Allowed however few calls there are. */
  floorPerSecond: number;
  /** A provider that asks for a longer wait is left for the next target. */
  longestWaitMs: number;
  /** The wait after an error of the provider's is drawn evenly between the two. */
  jitterLeastMs: number;
  jitterMostMs: number;
}>;

/** When a target that fails is left alone. */
export type BreakerConfig = Readonly<{
  /** Failures in a row that open it. */
  failuresInARow: number;
  /** So many calls within 30 s, and this share of them failed: that opens it, too. */
  windowCalls: number;
  /** In (0, 1]. */
  failedShare: number;
  /** Until a probe may go. */
  openMs: number;
  /** After a rate limit that names no wait. */
  rateLimitCoolDownMs: number;
  /** At least, when the account is out of quota. */
  quotaCoolDownMs: number;
  /** How often a target is probed that is open while nothing else is left to try. */
  panicProbeMs: number;
}>;

/** The share of calls that one provider is meant to have. Nothing is routed by it. */
export type DistributionTarget = Readonly<{
  /** Absent: the provider of balanced's first target. */
  provider?: string;
  /** Both in [0, 1]. */
  lowestShare: number;
  highestShare: number;
}>;

export const SCORERS = ["classic", "calibrated"] as const;
export type ScorerName = (typeof SCORERS)[number];

/** The shares that score below 3.0 and above 6.5; each above 0, together below 1. */
export type CalibrationShares = Readonly<{ fastShare: number; powerfulShare: number }>;

/** How agents' scores are learned, and whether they count. */
export type AgentScoreConfig = Readonly<{
  learn: boolean;
  /** The learned score picks the tier. Only with `learn`. */
  serve: boolean;
  /** Each kind of step of an agent is learned apart, too. */
  byIntent: boolean;
  /** An outcome counts half after so long. */
  halfLifeMs: number;
  /** How long feedback is waited for before a call is learned from. */
  feedbackWaitMs: number;
  /** Absent: nothing is tried. */
  explore?: ExplorationSettings;
}>;

/** One immutable version of the whole routing configuration. */
export type RoutingConfig = Readonly<{
  /** 0: the preset, nothing published. */
  version: number;
  preset: "classic" | "current";
  scorer: ScorerName;
  /** Scores beside it, and decides nothing. Not the scorer itself; absent: none. */
  shadowScorer?: ScorerName;
  /** Of traffic like the training prompts; absent: as the weights have it. */
  calibration?: CalibrationShares;
  agentWeight: number;
  stepWeight: number;
  /** E below `balancedFrom` is fast, above `balancedTo` powerful; both ends are balanced. */
  thresholds: Readonly<{ balancedFrom: number; balancedTo: number }>;
  coldStartScore: number;
  creationWeight: number;
  executionWeight: number;
  limits: Readonly<Record<MeasuredFactor, FactorLimits>>;
  weights: Readonly<Record<WeightSet, FactorWeights>>;
  /** previous_failures at which the tier rises; 0 turns the rule off. */
  failureLimit: number;
  /** The smallest answer worth making, in output tokens. */
  minimumOutputTokens: number;
  retiredModels: "substitute" | "skip" | "try";
  promptCache: PromptCachePolicy;
  tiers: Readonly<Record<Tier, TierConfig>>;
  /** By `targetKey`: what one model has of its own, whatever the tier it runs under. */
  modelTimers?: Readonly<Record<string, Partial<AttemptTimers>>>;
  /** Upstream attempts per call, and of these per provider. */
  maxAttempts: number;
  maxAttemptsPerProvider: number;
  retries: RetryConfig;
  breaker: BreakerConfig;
  /** All attempts and waits of a call together, in ms, when its caller gives no deadline. */
  callTimeoutMs: number;
  hedging: HedgingConfig;
  /** Of calls that do not say, in tiers that do not either. */
  delivery: Delivery;
  distribution: DistributionTarget;
  /** Used until 20 calls were measured. */
  assumedLatencyMs: Readonly<Record<Tier, number>>;
  /** Absent: nothing is learned of agents. */
  agentScore?: AgentScoreConfig;
  catalogue: Catalogue;
}>;

/** Of a whole call. */
export type CallLimits = Pick<RoutingConfig, "maxAttempts" | "maxAttemptsPerProvider" | "callTimeoutMs">;

/** What is known of the providers at the moment of the decision. An immutable snapshot. */
export type ProviderState = Readonly<{
  /** UTC date, YYYY-MM-DD: decides retirement and which price is in force. */
  today: string;
  /** The sandbox answers instead of the providers. */
  sandbox: boolean;
  providers: ReadonlyMap<string, ProviderAvailability>;
  /** By `targetKey`. Absent: nothing is known, so the target is usable. */
  targets: ReadonlyMap<string, TargetState>;
  /** Whether as many attempts are under way at a provider as may be. Absent: nobody counts. */
  isFull?: (provider: string) => boolean;
  /** By `targetKey`: what is cached there of the request's own session. Absent: nothing that is known. */
  warm?: ReadonlyMap<string, WarmCache>;
  /** What was learned of the request's own agent. Absent: nothing that is known. */
  history?: AgentHistory;
  /** In [0, 1), drawn for this request alone. Absent: no other tier is tried. */
  random?: number;
}>;

/** What a provider's prompt cache is believed to hold of a session: what the session's last call there reported. */
export type WarmCache = Readonly<{
  /** Read from the cache and written to it; above 0. */
  tokens: number;
  /** That call's tier. */
  tier: Tier;
}>;

export type ProviderAvailability = Readonly<{
  keyPresent: boolean;
  /** The variable to set, the usual one first; empty when no key is needed. */
  keyVariables: readonly string[];
}>;

export type TargetState = Readonly<{
  /** `parked`: our key or the model id was refused; stays until the configuration or the keys change. */
  breaker: "closed" | "open" | "half_open" | "parked";
  /** p50 of the last hour, and of how many calls. */
  latencyP50Ms?: number;
  calls: number;
  /** p95 of the time to the first token in the last hour; absent below 20 of them. */
  ttftP95Ms?: number;
}>;

export const targetKey = (target: ModelTarget): string => `${target.provider}/${target.model}`;

/** The limits of an attempt at a target: the model's own where it has any, else those of the tier it runs under. */
export const timersOf = (
  { tiers, modelTimers }: Pick<RoutingConfig, "tiers" | "modelTimers">,
  target: ModelTarget & Readonly<{ tier: Tier }>,
): AttemptTimers => ({ ...tiers[target.tier].timers, ...modelTimers?.[targetKey(target)] });

/** How an answer is delivered when the call does not say: as its tier says, else as the whole configuration does. */
export const deliveryOf = (
  { tiers, delivery }: Pick<RoutingConfig, "tiers" | "delivery">,
  tier: Tier,
): Delivery => tiers[tier].delivery ?? delivery;

/** What a call may take: the tier's own limits where it has any, else the configuration's. */
export function limitsOf(config: CallLimits & Pick<RoutingConfig, "tiers">, tier: Tier): CallLimits {
  const { maxAttempts, maxAttemptsPerProvider, callTimeoutMs } = config;
  return { maxAttempts, maxAttemptsPerProvider, callTimeoutMs, ...config.tiers[tier].limits };
}
