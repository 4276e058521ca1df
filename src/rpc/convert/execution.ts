/** Recorded executions as the contract gives them. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { FinishReason as ProtoFinish, type UsageSchema } from "../../../gen/modeltier/v1/completion_pb.js";
import {
  type ExecutionSchema,
  type GetExecutionResponse,
  GetExecutionResponseSchema,
  AttemptKind as ProtoKind,
  type RecordedAttemptSchema,
} from "../../../gen/modeltier/v1/execution_pb.js";
import type { FeedbackSchema } from "../../../gen/modeltier/v1/feedback_pb.js";
import { AgentScoreSource, PriceStatus, type RoutingDecision } from "../../../gen/modeltier/v1/routing_pb.js";
import { costLinesOf } from "../../pricing/cost-lines.ts";
import type { Catalogue } from "../../pricing/types.ts";
import type { StepType } from "../../routing/types.ts";
import type { StoredAttempt } from "../../store/attempts.ts";
import { decisionOf } from "../../store/decision-details.ts";
import type { StoredExecution } from "../../store/executions.ts";
import type { FeedbackSums, StoredFeedback } from "../../store/feedback.ts";
import type { AttemptKind } from "../../store/records.ts";
import {
  PROTO_FINISH,
  PROTO_PRICE_STATUS,
  PROTO_STATUS,
  PROTO_TIER,
  PROTO_USAGE_SOURCE,
  stepTypeToProto,
} from "./names.ts";
import { decisionToProto, durationFromMs } from "./route.ts";

/** @param said of its answer; absent: nothing was */
export const executionToProto = (
  row: StoredExecution,
  said: FeedbackSums | undefined,
): MessageInitShape<typeof ExecutionSchema> => ({
  executionId: row.execution_id,
  createdAt: timestampFromDate(row.created_at),
  status: PROTO_STATUS[row.status],
  failureReason: row.failure_reason ?? "",
  finishReason: finishToProto(row.finish_reason),
  agentId: row.agent_id,
  sessionId: row.session_id,
  userTier: row.user_tier,
  intent: stepTypeToProto(row.intent as StepType),
  tier: PROTO_TIER[row.tier],
  target: { provider: row.provider, model: row.model },
  effectiveScore: row.effective_score,
  usage: usageToProto(row),
  costNanoUsd: row.cost_nano_usd,
  priceStatus: PROTO_PRICE_STATUS[row.price_status],
  cacheSavingNanoUsd: row.cache_saving_nano_usd,
  latency: durationFromMs(row.latency_ms),
  timeToFirstToken: row.ttft_ms === null ? undefined : durationFromMs(row.ttft_ms),
  labels: { ...row.labels },
  configVersion: row.config_version,
  sandbox: row.sandbox,
  ...(said !== undefined && { feedback: { ...said, quality: said.quality ?? undefined } }),
});

export type ExecutionInFull = Readonly<{
  execution: StoredExecution;
  attempts: readonly StoredAttempt[];
  feedback: readonly StoredFeedback[];
  /** What all of it comes to; absent: there is none. */
  said: FeedbackSums | undefined;
  /** Its texts are stored. */
  promptStored: boolean;
}>;

/** @param catalogue of today; it tells apart what was billed, as long as prices are the same */
export const executionInFullToProto = (
  { execution, attempts, feedback, said, promptStored }: ExecutionInFull,
  catalogue: Catalogue,
): GetExecutionResponse =>
  create(GetExecutionResponseSchema, {
    execution: executionToProto(execution, said),
    decision: recordedDecision(execution),
    attempts: attempts.map((attempt) => attemptToProto(attempt, execution.created_at, catalogue)),
    feedback: feedback.map(feedbackToProto),
    promptStored,
  });

/** What was not recorded is left unsaid. */
function recordedDecision(row: StoredExecution): RoutingDecision {
  const decision = decisionToProto(row.decision_id, decisionOf(row));
  if (row.decision !== null) return decision;
  decision.agentScoreSource = AgentScoreSource.UNSPECIFIED;
  decision.tokenEstimateMethod = "";
  decision.priceStatus = PriceStatus.UNSPECIFIED;
  decision.estimatedLatency = undefined;
  decision.latencySource = "";
  return decision;
}

const PROTO_KIND: Readonly<Record<AttemptKind, ProtoKind>> = {
  first: ProtoKind.FIRST,
  retry: ProtoKind.RETRY,
  fallback: ProtoKind.FALLBACK,
  hedge: ProtoKind.HEDGE,
};

function attemptToProto(
  row: StoredAttempt,
  executionBegan: Date,
  catalogue: Catalogue,
): MessageInitShape<typeof RecordedAttemptSchema> {
  const target = { provider: row.provider, model: row.model };
  return {
    attempt: {
      attempt: row.attempt,
      target,
      outcome: row.outcome,
      usage: usageToProto(row),
      costNanoUsd: row.cost_nano_usd,
      priceStatus: PROTO_PRICE_STATUS[row.price_status],
      startedAt: timestampFromDate(row.created_at),
      latency: durationFromMs(row.latency_ms),
      timeToFirstToken: row.ttft_ms === null ? undefined : durationFromMs(row.ttft_ms),
      cacheSavingNanoUsd: row.cache_saving_nano_usd,
    },
    startOffset: durationFromMs(Math.max(0, row.created_at.getTime() - executionBegan.getTime())),
    timeToHeaders: row.headers_ms === null ? undefined : durationFromMs(row.headers_ms),
    kind: row.kind === null ? ProtoKind.UNSPECIFIED : PROTO_KIND[row.kind],
    tier: PROTO_TIER[row.tier],
    priceVersion: row.price_version ?? "",
    usageMethod: row.usage_method ?? "",
    costLines: costLinesOf(
      catalogue.findModel(row.provider, row.model),
      row.created_at.toISOString().slice(0, 10),
      billedTokens(row),
      row.cost_nano_usd,
    ).map(({ tokens, ...line }) => ({ ...line, tokens: BigInt(tokens) })),
  };
}

const feedbackToProto = (row: StoredFeedback): MessageInitShape<typeof FeedbackSchema> => ({
  feedbackId: row.feedback_id,
  quality: row.quality ?? undefined,
  success: row.success ?? undefined,
  comment: row.comment,
  createdAt: timestampFromDate(row.created_at),
});

const billedTokens = (row: StoredAttempt | StoredExecution) => ({
  freshInputTokens: row.fresh_input_tokens,
  cachedInputTokens: row.cached_input_tokens,
  cacheWriteTokens: row.cache_write_tokens,
  outputTokens: row.output_tokens,
});

function usageToProto(row: StoredAttempt | StoredExecution): MessageInitShape<typeof UsageSchema> {
  const { freshInputTokens, cachedInputTokens, cacheWriteTokens, outputTokens } = billedTokens(row);
  return {
    inputTokens: BigInt(freshInputTokens + cachedInputTokens + cacheWriteTokens),
    cachedInputTokens: BigInt(cachedInputTokens),
    cacheWriteTokens: BigInt(cacheWriteTokens),
    outputTokens: BigInt(outputTokens),
    reasoningTokens: row.reasoning_tokens === null ? undefined : BigInt(row.reasoning_tokens),
    source: PROTO_USAGE_SOURCE[row.usage_source],
  };
}

const FINISH_OF: ReadonlyMap<string, ProtoFinish> = new Map(Object.entries(PROTO_FINISH));
const finishToProto = (word: string | null): ProtoFinish =>
  FINISH_OF.get(word ?? "") ?? ProtoFinish.UNSPECIFIED;
