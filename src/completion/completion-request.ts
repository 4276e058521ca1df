/** What one target is sent. */
import { parametersOf } from "../pricing/catalogue.ts";
import type { Catalogue } from "../pricing/types.ts";
import type { CompletionRequest } from "../providers/provider.ts";
import type { PlannedTarget } from "../routing/types.ts";
import type { CompletionCall } from "./call.ts";

/** The caller's messages with what was planned for the target; what the model does not take was left out there. */
export function completionRequest(
  call: CompletionCall,
  target: PlannedTarget,
  catalogue: Catalogue,
): CompletionRequest {
  const { toolChoice, parallelToolCalls } = call;
  const { temperature, topP, stop, seed } = target;
  return {
    model: target.model,
    parameters: parametersOf(catalogue, target),
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
  };
}
