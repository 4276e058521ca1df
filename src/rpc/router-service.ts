import { create } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { CompleteOnceResponseSchema, type CompleteRequest } from "../../gen/modeltier/v1/completion_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { RouteResponseSchema } from "../../gen/modeltier/v1/routing_pb.js";
import type { CompletionCall } from "../completion/call.ts";
import type { OnceAnswer } from "../completion/complete-once.ts";
import type { EngineEvent } from "../completion/events.ts";
import type { Decision, RoutingRequest } from "../routing/types.ts";
import { completionFromProto } from "./convert/complete.ts";
import { completedToProto, eventToProto } from "./convert/events.ts";
import { decisionToProto, routingRequestFromProto } from "./convert/route.ts";
import { flatten } from "./flatten.ts";
import { type ServiceEntry, serviceEntry } from "./service-entry.ts";
import { type CompletionRules, validateComplete, validateCompleteOnce } from "./validate/complete.ts";
import { validateRoute } from "./validate/route.ts";

export type RouterServiceDeps = Readonly<{
  /** Decides. @throws CompletionError when nothing can be decided */
  decide(request: RoutingRequest): Readonly<{ decisionId: string; decision: Decision }>;
  complete(call: CompletionCall): AsyncIterable<readonly EngineEvent[]>;
  completeOnce(call: CompletionCall): Promise<OnceAnswer>;
  rules: CompletionRules;
}>;

export function routerService({ decide, complete, completeOnce, rules }: RouterServiceDeps): ServiceEntry {
  return serviceEntry(RouterService, {
    route: (request) => {
      validateRoute(request);
      const { decisionId, decision } = decide(routingRequestFromProto(request));
      return create(RouteResponseSchema, { decision: decisionToProto(decisionId, decision) });
    },
    complete: (request, context) => {
      validateComplete(request, rules);
      return flatten(complete(callOf(request, context)), eventToProto);
    },
    completeOnce: async (message, context) => {
      const request = validateCompleteOnce(message, rules);
      const { decisionId, decision, text, reasoning, refusal, toolCalls, completed } = await completeOnce(
        callOf(request, context),
      );
      return create(CompleteOnceResponseSchema, {
        decision: decisionToProto(decisionId, decision),
        text,
        reasoning,
        refusal,
        toolCalls: toolCalls.map(({ id, name, argumentsJson }) => ({ id, name, argumentsJson })),
        completed: completedToProto(completed),
      });
    },
  });
}

const callOf = (request: CompleteRequest, { signal, timeoutMs }: HandlerContext): CompletionCall => ({
  ...completionFromProto(request),
  signal,
  timeoutMs: timeoutMs(),
});
