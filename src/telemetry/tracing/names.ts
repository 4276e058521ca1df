/**
 * Span attributes. Written out rather than imported: the package that lists OpenTelemetry's names is megabytes of them, and the
 * test beside this file compares.
 */

/** As OpenTelemetry's semantic conventions have them. */
export const OTEL = {
  errorType: "error.type",
  serverAddress: "server.address",
  serverPort: "server.port",
  serviceName: "service.name",
  serviceInstanceId: "service.instance.id",
  rpcSystem: "rpc.system.name",
  rpcMethod: "rpc.method",
  rpcStatusCode: "rpc.status_code",
  httpMethod: "http.request.method",
  httpRoute: "http.route",
  httpStatusCode: "http.response.status_code",
  urlPath: "url.path",
  urlScheme: "url.scheme",
  operationName: "gen_ai.operation.name",
  providerName: "gen_ai.provider.name",
  agentId: "gen_ai.agent.id",
  conversationId: "gen_ai.conversation.id",
  requestModel: "gen_ai.request.model",
  requestMaxTokens: "gen_ai.request.max_tokens",
  requestStream: "gen_ai.request.stream",
  responseModel: "gen_ai.response.model",
  finishReasons: "gen_ai.response.finish_reasons",
  timeToFirstChunk: "gen_ai.response.time_to_first_chunk",
  inputTokens: "gen_ai.usage.input_tokens",
  outputTokens: "gen_ai.usage.output_tokens",
  cacheReadTokens: "gen_ai.usage.cache_read.input_tokens",
  cacheCreationTokens: "gen_ai.usage.cache_creation.input_tokens",
  reasoningTokens: "gen_ai.usage.reasoning.output_tokens",
} as const;

/** This service's own. */
export const MODELTIER = {
  decisionId: "modeltier.decision.id",
  executionId: "modeltier.execution.id",
  configVersion: "modeltier.config.version",
  tier: "modeltier.tier",
  effectiveScore: "modeltier.score.effective",
  agentScore: "modeltier.score.agent",
  stepScore: "modeltier.score.step",
  causes: "modeltier.causes",
  sandbox: "modeltier.sandbox",
  status: "modeltier.status",
  failureReason: "modeltier.failure_reason",
  attempts: "modeltier.attempts",
  servedProvider: "modeltier.served.provider",
  servedModel: "modeltier.served.model",
  costNanoUsd: "modeltier.cost.nano_usd",
  priceStatus: "modeltier.price.status",
  usageSource: "modeltier.usage.source",
  attempt: "modeltier.attempt",
  outcome: "modeltier.outcome",
} as const;
