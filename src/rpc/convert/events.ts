import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type AttemptSchema,
  type Completed,
  CompletedSchema,
  type CompleteResponse,
  CompleteResponseSchema,
  type UsageSchema,
} from "../../../gen/modeltier/v1/completion_pb.js";
import type { CompletedEvent, EngineEvent } from "../../completion/events.ts";
import type { BilledTokens } from "../../pricing/types.ts";
import type { AttemptRecord, UsageSource } from "../../store/records.ts";
import { PROTO_FINISH, PROTO_PRICE_STATUS, PROTO_USAGE_SOURCE } from "./names.ts";
import { decisionToProto, durationFromMs } from "./route.ts";

type EventInit = NonNullable<MessageInitShape<typeof CompleteResponseSchema>["event"]>;

export const eventToProto = (event: EngineEvent): CompleteResponse =>
  event.kind === "text" || event.kind === "refusal"
    ? textToProto(event)
    : create(CompleteResponseSchema, { event: eventInit(event) });

/** Most events by far are these; as `decisionToProto`, they are written out. */
const textToProto = ({
  kind,
  text,
}: Extract<EngineEvent, { kind: "text" | "refusal" }>): CompleteResponse => ({
  $typeName: "modeltier.v1.CompleteResponse",
  event: {
    case: "textDelta",
    value: { $typeName: "modeltier.v1.TextDelta", text, refusal: kind === "refusal" },
  },
});

function eventInit(event: Exclude<EngineEvent, { kind: "text" | "refusal" }>): EventInit {
  switch (event.kind) {
    case "reasoning": {
      const { text, signature, encrypted } = event;
      return { case: "reasoningDelta", value: { text, signature, encrypted } };
    }
    case "tool_call": {
      const { index, id, name, argumentsJson } = event;
      return { case: "toolCallDelta", value: { index, id, name, argumentsJson } };
    }
    case "decision":
      return { case: "decision", value: decisionToProto(event.decisionId, event.decision) };
    case "attempt_started":
      return { case: "attemptStarted", value: { attempt: event.attempt, target: event.target } };
    case "attempt_failed": {
      const { attempt, target, failure, willContinue } = event;
      return { case: "attemptFailed", value: { attempt, target, failure, willContinue } };
    }
    case "reset":
      return { case: "reset", value: { attempt: event.attempt } };
    case "completed":
      return { case: "completed", value: completedToProto(event) };
  }
}

export function completedToProto(event: CompletedEvent): Completed {
  return create(CompletedSchema, {
    executionId: event.executionId,
    finishReason: PROTO_FINISH[event.finishReason],
    usage: servedUsage(event),
    costNanoUsd: event.costNanoUsd,
    priceStatus: PROTO_PRICE_STATUS[event.priceStatus],
    cacheSavingNanoUsd: event.cacheSavingNanoUsd,
    provider: event.served.provider,
    model: event.served.model,
    attempts: event.attempts.map(attemptInit),
    timings: {
      total: durationFromMs(event.latencyMs),
      timeToFirstToken: event.ttftMs === undefined ? undefined : durationFromMs(event.ttftMs),
      overhead: durationFromMs(event.overheadMs),
    },
  });
}

/** Of the attempt that served the answer: the last one. */
function servedUsage({ attempts, tokens, reasoningTokens, usageSource }: CompletedEvent) {
  const served = attempts.at(-1);
  return served === undefined ? usageInit(tokens, reasoningTokens, usageSource) : attemptUsage(served);
}

const attemptUsage = ({ tokens, reasoningTokens, usageSource }: AttemptRecord) =>
  usageInit(tokens, reasoningTokens, usageSource);

function usageInit(
  tokens: BilledTokens,
  reasoningTokens: number | undefined,
  source: UsageSource,
): MessageInitShape<typeof UsageSchema> {
  const { freshInputTokens, cachedInputTokens, cacheWriteTokens, outputTokens } = tokens;
  return {
    inputTokens: BigInt(freshInputTokens + cachedInputTokens + cacheWriteTokens),
    cachedInputTokens: BigInt(cachedInputTokens),
    cacheWriteTokens: BigInt(cacheWriteTokens),
    outputTokens: BigInt(outputTokens),
    reasoningTokens: reasoningTokens === undefined ? undefined : BigInt(reasoningTokens),
    source: PROTO_USAGE_SOURCE[source],
  };
}

function attemptInit(record: AttemptRecord): MessageInitShape<typeof AttemptSchema> {
  return {
    attempt: record.attempt,
    target: record.target,
    outcome: record.outcome,
    usage: attemptUsage(record),
    costNanoUsd: record.costNanoUsd,
    priceStatus: PROTO_PRICE_STATUS[record.priceStatus],
    cacheSavingNanoUsd: record.cacheSavingNanoUsd,
    startedAt: timestampFromDate(record.startedAt),
    latency: durationFromMs(record.latencyMs),
    timeToFirstToken: record.ttftMs === undefined ? undefined : durationFromMs(record.ttftMs),
  };
}
