/** The contract's enums against the words used inside. Each table fails to compile until a new member is decided. */
import {
  FinishReason as ProtoFinish,
  UsageSource as ProtoUsageSource,
} from "../../../gen/modeltier/v1/completion_pb.js";
import { ExecutionStatus as ProtoStatus } from "../../../gen/modeltier/v1/execution_pb.js";
import { BreakerState } from "../../../gen/modeltier/v1/provider_pb.js";
import {
  Factor,
  CauseKind as ProtoCause,
  Intent as ProtoIntent,
  PriceStatus as ProtoPriceStatus,
  AgentScoreSource as ProtoScoreSource,
  Tier as ProtoTier,
  RejectionReason,
} from "../../../gen/modeltier/v1/routing_pb.js";
import type { FinishReason } from "../../providers/provider.ts";
import type {
  AgentScoreSource,
  CauseKind,
  FactorName,
  Intent,
  RejectionKind,
  StepType,
  TargetState,
  Tier,
} from "../../routing/types.ts";
import type { ExecutionStatus, PriceStatus, UsageSource } from "../../store/records.ts";

const reversed = <K extends string, V extends number>(
  table: Readonly<Record<K, V>>,
): ReadonlyMap<number, K> => new Map(Object.entries(table).map(([word, value]) => [value as V, word as K]));

export const PROTO_TIER: Readonly<Record<Tier, ProtoTier>> = {
  fast: ProtoTier.FAST,
  balanced: ProtoTier.BALANCED,
  powerful: ProtoTier.POWERFUL,
};
const TIER_OF = reversed(PROTO_TIER);
/** undefined for TIER_UNSPECIFIED. */
export const tierFromProto = (tier: ProtoTier): Tier | undefined => TIER_OF.get(tier);

const PROTO_INTENT: Readonly<Record<Intent, ProtoIntent>> = {
  extract: ProtoIntent.EXTRACT,
  summarize: ProtoIntent.SUMMARIZE,
  generate: ProtoIntent.GENERATE,
  validate: ProtoIntent.VALIDATE,
  send: ProtoIntent.SEND,
  transform: ProtoIntent.TRANSFORM,
  conditional: ProtoIntent.CONDITIONAL,
  aggregate: ProtoIntent.AGGREGATE,
  filter: ProtoIntent.FILTER,
  enrich: ProtoIntent.ENRICH,
  scatter_gather: ProtoIntent.SCATTER_GATHER,
  llm_decision: ProtoIntent.LLM_DECISION,
  ai_processing: ProtoIntent.AI_PROCESSING,
  switch: ProtoIntent.SWITCH,
  action: ProtoIntent.ACTION,
};
const INTENT_OF = reversed(PROTO_INTENT);
export const stepTypeFromProto = (intent: ProtoIntent): StepType =>
  intent === ProtoIntent.UNSPECIFIED ? "unspecified" : (INTENT_OF.get(intent) ?? "unknown");
export const stepTypeToProto = (type: StepType): ProtoIntent =>
  type === "unspecified" || type === "unknown" ? ProtoIntent.UNSPECIFIED : PROTO_INTENT[type];

export const PROTO_FACTOR: Readonly<Record<FactorName, Factor>> = {
  prompt: Factor.PROMPT_LENGTH,
  data: Factor.DATA_SIZE,
  conditions: Factor.CONDITION_COUNT,
  context: Factor.CONTEXT_DEPTH,
  reasoning: Factor.REASONING,
  output: Factor.OUTPUT,
};

export const PROTO_SCORE_SOURCE: Readonly<Record<AgentScoreSource, ProtoScoreSource>> = {
  combined: ProtoScoreSource.COMBINED,
  blended: ProtoScoreSource.BLENDED,
  creation_only: ProtoScoreSource.CREATION_ONLY,
  execution_only: ProtoScoreSource.EXECUTION_ONLY,
  cold_start: ProtoScoreSource.COLD_START,
};

export const PROTO_CAUSE: Readonly<Record<CauseKind, ProtoCause>> = {
  score: ProtoCause.SCORE,
  unknown_intent: ProtoCause.UNKNOWN_INTENT,
  cold_start: ProtoCause.COLD_START,
  previous_failures: ProtoCause.PREVIOUS_FAILURES,
  budget: ProtoCause.BUDGET,
  output_cut: ProtoCause.OUTPUT_CUT,
  capability: ProtoCause.CAPABILITY,
  availability: ProtoCause.AVAILABILITY,
  model_retired: ProtoCause.MODEL_RETIRED,
  constraint: ProtoCause.CONSTRAINT,
  router_error: ProtoCause.ROUTER_ERROR,
  cache_affinity: ProtoCause.CACHE_AFFINITY,
  exploration: ProtoCause.EXPLORATION,
};

export const PROTO_REJECTION: Readonly<Record<RejectionKind, RejectionReason>> = {
  no_key: RejectionReason.NO_KEY,
  breaker_open: RejectionReason.BREAKER_OPEN,
  provider_full: RejectionReason.PROVIDER_FULL,
  parked: RejectionReason.PARKED,
  retired: RejectionReason.RETIRED,
  context_window: RejectionReason.CONTEXT_WINDOW,
  tools: RejectionReason.TOOLS,
  forced_tools: RejectionReason.FORCED_TOOLS,
  images: RejectionReason.IMAGES,
  json: RejectionReason.STRUCTURED_OUTPUT,
  unknown_provider: RejectionReason.UNKNOWN_PROVIDER,
  output_limit: RejectionReason.OUTPUT_LIMIT,
  over_budget: RejectionReason.OVER_BUDGET,
  unknown_price: RejectionReason.UNKNOWN_PRICE,
};

export const PROTO_PRICE_STATUS: Readonly<Record<PriceStatus, ProtoPriceStatus>> = {
  KNOWN: ProtoPriceStatus.KNOWN,
  UNKNOWN: ProtoPriceStatus.UNKNOWN,
};

export const PROTO_USAGE_SOURCE: Readonly<Record<UsageSource, ProtoUsageSource>> = {
  REPORTED: ProtoUsageSource.REPORTED,
  PARTIAL: ProtoUsageSource.PARTIAL,
  ESTIMATED: ProtoUsageSource.ESTIMATED,
  UNKNOWN: ProtoUsageSource.UNKNOWN,
};

export const PROTO_STATUS: Readonly<Record<ExecutionStatus, ProtoStatus>> = {
  ok: ProtoStatus.OK,
  failed: ProtoStatus.FAILED,
  cancelled: ProtoStatus.CANCELLED,
  deadline_exceeded: ProtoStatus.DEADLINE_EXCEEDED,
};
const STATUS_OF = reversed(PROTO_STATUS);
/** undefined for EXECUTION_STATUS_UNSPECIFIED. */
export const statusFromProto = (status: ProtoStatus): ExecutionStatus | undefined => STATUS_OF.get(status);

export const PROTO_FINISH: Readonly<Record<FinishReason, ProtoFinish>> = {
  stop: ProtoFinish.STOP,
  length: ProtoFinish.LENGTH,
  tool_calls: ProtoFinish.TOOL_CALLS,
  content_filter: ProtoFinish.CONTENT_FILTER,
};

export const PROTO_BREAKER: Readonly<Record<TargetState["breaker"], BreakerState>> = {
  closed: BreakerState.CLOSED,
  open: BreakerState.OPEN,
  half_open: BreakerState.HALF_OPEN,
  parked: BreakerState.PARKED,
};
