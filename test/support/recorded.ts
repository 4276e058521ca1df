/** Executions as the engine records them, of requests that differ from number to number and are the same for the same number. */
import { costOf } from "../../src/pricing/cost.ts";
import { route } from "../../src/routing/router.ts";
import { scoringInputsOf } from "../../src/routing/scoring-inputs.ts";
import {
  INTENTS,
  type ProviderState,
  type RoutingConfig,
  type RoutingRequest,
} from "../../src/routing/types.ts";
import type { ExecutionRecord } from "../../src/store/records.ts";
import { anExecution } from "./executions.ts";

/** Request number `n`: intents, scores and sizes take turns. */
export const aRequest = (n: number): RoutingRequest => ({
  agentId: `agent-${n % 37}`,
  sessionId: n % 3 === 0 ? `session-${n}` : "",
  userTier: "",
  intent: INTENTS[n % INTENTS.length] ?? "generate",
  chat: { texts: [`${"word ".repeat(n % 400)}if {{ x }}`], attachmentBytes: (n % 11) * 3_000 },
  agentScores: n % 5 === 0 ? {} : { combined: (n % 101) / 10 },
  previousFailures: n % 17 === 0 ? 2 : 0,
  constraints: {},
  needs: {
    tools: n % 7 === 0,
    forcedTools: false,
    images: false,
    jsonObject: n % 9 === 0,
    jsonSchema: false,
  },
  sampling: n % 4 === 0 ? { maxOutputTokens: 512 } : {},
});

/** @throws Error when it is not routed */
export function aRecordedExecution(n: number, config: RoutingConfig, state: ProviderState): ExecutionRecord {
  const request = aRequest(n);
  const result = route(request, config, state);
  if (!result.ok) throw new Error(`request ${n} is not routed`);
  const { decision } = result;
  const [{ provider, model }] = decision.targets;
  const tokens = {
    freshInputTokens: 200 + (n % 900),
    cachedInputTokens: n % 3 === 0 ? 300 : 0,
    cacheWriteTokens: 0,
    outputTokens: 50 + (n % 450),
  };
  const createdAt = new Date(Date.now() - n * 1_000);
  const cost = costOf(
    config.catalogue.findModel(provider, model),
    createdAt.toISOString().slice(0, 10),
    tokens,
  );
  return anExecution(`execution-${n}`, {
    agentId: request.agentId,
    intent: request.intent,
    decision,
    served: { provider, model },
    tokens,
    costNanoUsd: cost.costNanoUsd,
    priceStatus: cost.priceStatus,
    scoringInputs: scoringInputsOf(request, decision),
    createdAt,
    attempts: [],
  });
}
