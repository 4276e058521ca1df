/** Execution records for tests of what becomes of them. */

import type { Decision } from "../../src/routing/types.ts";
import type { AttemptRecord, ExecutionRecord } from "../../src/store/records.ts";

const target = { provider: "kimi", model: "kimi-k2-0905-preview" } as const;
const tokens = { freshInputTokens: 120, cachedInputTokens: 30, cacheWriteTokens: 0, outputTokens: 45 };

export const aDecision: Decision = {
  tier: "balanced",
  targets: [{ ...target, tier: "balanced", maxOutputTokens: 4_096, dropped: [] }],
  effectiveScore: 4.52,
  agentScore: 5,
  agentScoreSource: "combined",
  stepScore: 3.8,
  stepType: "generate",
  weightSet: "generative",
  factors: [{ name: "prompt", measurement: 420, score: 5, weight: 0.15, contribution: 0.75 }],
  causes: [{ kind: "score", after: "balanced", detail: "4.52 is from 3.0 to 6.5" }],
  rejected: [],
  estimatedInputTokens: 150,
  estimatedOutputTokens: 4_096,
  tokenEstimate: "characters_per_token",
  estimatedLatencyMs: 1_500,
  latencySource: "configured",
  configVersion: 7,
  preset: "classic",
  scorer: { name: "classic", version: "1" },
  sandbox: true,
  reason: "balanced: 0.6 × 5 + 0.4 × 3.8 = 4.52",
};

export const anAttempt = (executionId: string, changes: Partial<AttemptRecord> = {}): AttemptRecord => ({
  executionId,
  attempt: 1,
  kind: "first",
  target,
  tier: "balanced",
  outcome: "ok",
  tokens,
  usageSource: "REPORTED",
  costNanoUsd: 184_500n,
  priceStatus: "KNOWN",
  priceVersion: "2025-09-05",
  cacheSavingNanoUsd: 13_500n,
  latencyMs: 812.5,
  headersMs: 180.5,
  ttftMs: 240.25,
  startedAt: new Date(),
  ...changes,
});

/** One successful attempt unless told otherwise. */
export const anExecution = (
  executionId: string,
  changes: Partial<ExecutionRecord> = {},
): ExecutionRecord => ({
  executionId,
  agentId: "agent-1",
  sessionId: "session-1",
  userTier: "pro",
  intent: "generate",
  decision: aDecision,
  decisionId: `decision-of-${executionId}`,
  served: target,
  status: "ok",
  finishReason: "stop",
  tokens,
  usageSource: "REPORTED",
  costNanoUsd: 184_500n,
  priceStatus: "KNOWN",
  cacheSavingNanoUsd: 13_500n,
  latencyMs: 830,
  ttftMs: 255,
  labels: { team: "search" },
  attempts: [anAttempt(executionId)],
  createdAt: new Date(),
  ...changes,
});
