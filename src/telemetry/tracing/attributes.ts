/** What spans say: names and numbers that the service records anyway, and no word of a prompt, an answer or a header. */
import type { Attributes } from "@opentelemetry/api";
import type { AttemptReport } from "../../completion/call.ts";
import type { Decided } from "../../completion/decide.ts";
import type { ProviderAddress } from "../../providers/hub.ts";
import type { ModelTarget, PlannedTarget } from "../../routing/types.ts";
import type { AttemptRecord, ExecutionRecord } from "../../store/records.ts";
import { MODELTIER, OTEL } from "./names.ts";

/** Where OpenTelemetry's name of a provider is not ours. */
const PROVIDER_NAMES: Readonly<Record<string, string>> = { kimi: "moonshot_ai" };

/** A provider's own word for its model; anything else that stands in its place is not passed on. */
const MODEL_NAME = /^[\w.:/@+-]{1,128}$/;

export function decisionAttributes({ decisionId, decision }: Decided): Attributes {
  const { tier, effectiveScore, agentScore, stepScore, causes, configVersion, sandbox } = decision;
  return {
    [MODELTIER.decisionId]: decisionId,
    [MODELTIER.configVersion]: configVersion,
    [MODELTIER.tier]: tier,
    [MODELTIER.effectiveScore]: effectiveScore,
    [MODELTIER.agentScore]: agentScore,
    ...(stepScore !== undefined && { [MODELTIER.stepScore]: stepScore }),
    [MODELTIER.causes]: causes.map(({ kind }) => kind),
    [MODELTIER.sandbox]: sandbox,
  };
}

/** With the decision that was executed. An amount above 2^53 nano-USD, nine million dollars, would be rounded. */
export function executionAttributes(record: ExecutionRecord): Attributes {
  const { agentId, sessionId, failureReason, served } = record;
  return {
    ...decisionAttributes(record),
    [MODELTIER.executionId]: record.executionId,
    [MODELTIER.status]: record.status,
    ...(failureReason !== undefined && { [MODELTIER.failureReason]: failureReason }),
    [MODELTIER.attempts]: record.attempts.length,
    [MODELTIER.servedProvider]: served.provider,
    [MODELTIER.servedModel]: served.model,
    [MODELTIER.costNanoUsd]: Number(record.costNanoUsd),
    [MODELTIER.priceStatus]: record.priceStatus,
    [MODELTIER.usageSource]: record.usageSource,
    ...(agentId !== "" && { [OTEL.agentId]: agentId }),
    ...(sessionId !== "" && { [OTEL.conversationId]: sessionId }),
  };
}

/** An attempt as it begins. @param address absent: the provider has gone from the configuration meanwhile */
export function attemptAttributes(
  attempt: number,
  target: PlannedTarget,
  address: ProviderAddress | undefined,
): Attributes {
  return {
    [OTEL.operationName]: "chat",
    [OTEL.providerName]: providerName(target),
    [OTEL.requestModel]: target.model,
    [OTEL.requestMaxTokens]: target.maxOutputTokens,
    [OTEL.requestStream]: true,
    [MODELTIER.attempt]: attempt,
    [MODELTIER.tier]: target.tier,
    ...(address !== undefined && { [OTEL.serverAddress]: address.host, [OTEL.serverPort]: address.port }),
  };
}

/** What came of it. */
export function outcomeAttributes(record: AttemptRecord, { details, finish }: AttemptReport): Attributes {
  const { ttftMs, reasoningTokens } = record;
  const { freshInputTokens, cachedInputTokens, cacheWriteTokens, outputTokens } = record.tokens;
  return {
    [MODELTIER.outcome]: record.outcome,
    ...(isFailure(record) && { [OTEL.errorType]: record.outcome }),
    ...(details?.status !== undefined && { [OTEL.httpStatusCode]: details.status }),
    ...(finish && { [OTEL.finishReasons]: [finish.reason] }),
    ...(finish?.model !== undefined &&
      MODEL_NAME.test(finish.model) && { [OTEL.responseModel]: finish.model }),
    ...(ttftMs !== undefined && { [OTEL.timeToFirstChunk]: ttftMs / 1000 }),
    [OTEL.inputTokens]: freshInputTokens + cachedInputTokens + cacheWriteTokens,
    [OTEL.outputTokens]: outputTokens,
    [OTEL.cacheReadTokens]: cachedInputTokens,
    [OTEL.cacheCreationTokens]: cacheWriteTokens,
    ...(reasoningTokens !== undefined && { [OTEL.reasoningTokens]: reasoningTokens }),
    [MODELTIER.usageSource]: record.usageSource,
    [MODELTIER.costNanoUsd]: Number(record.costNanoUsd),
  };
}

/** An attempt that another one has overtaken did nothing wrong. */
export const isFailure = ({ outcome }: AttemptRecord): boolean =>
  outcome !== "ok" && outcome !== "hedged_out";

const providerName = ({ provider }: ModelTarget): string => PROVIDER_NAMES[provider] ?? provider;
