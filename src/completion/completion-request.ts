/** What one target is sent. */
import { createHash } from "node:crypto";
import { parametersOf } from "../pricing/catalogue.ts";
import type { CompletionRequest } from "../providers/provider.ts";
import { cachesPrompt } from "../routing/prompt-cache.ts";
import type { PlannedTarget, RoutingConfig } from "../routing/types.ts";
import type { CompletionCall } from "./call.ts";

/**
 * The caller's messages with what was planned for the target; what the model does not take was left out there.
 * @param headers to be sent along
 */
export function completionRequest(
  call: CompletionCall,
  target: PlannedTarget,
  config: Pick<RoutingConfig, "catalogue" | "promptCache">,
  headers?: readonly string[],
): CompletionRequest {
  const { toolChoice, parallelToolCalls } = call;
  const { temperature, topP, stop, seed } = target;
  const cacheKey = cachesPrompt(call.request, config) ? cacheKeyOf(call.request.sessionId) : undefined;
  return {
    model: target.model,
    parameters: parametersOf(config.catalogue, target),
    messages: call.messages,
    tools: call.tools,
    ...(toolChoice !== undefined && { toolChoice }),
    ...(parallelToolCalls !== undefined && { parallelToolCalls }),
    responseFormat: call.responseFormat,
    maxOutputTokens: target.maxOutputTokens,
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { topP }),
    ...(stop !== undefined && { stop }),
    ...(seed !== undefined && { seed }),
    ...(cacheKey !== undefined && { cacheKey }),
    ...(headers !== undefined && { headers }),
  };
}

/** The same for every call of a session, on every replica; no provider learns the caller's own id from it. */
const cacheKeyOf = (sessionId: string): string =>
  createHash("sha256").update(`modeltier session ${sessionId}`).digest("base64url");
