import { create } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import {
  type CompleteOnceResponse,
  CompleteOnceResponseSchema,
  type CompleteRequest,
  type CompleteResponse,
} from "../../gen/modeltier/v1/completion_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import { RouteResponseSchema } from "../../gen/modeltier/v1/routing_pb.js";
import type { CompletionCall } from "../completion/call.ts";
import type { OnceAnswer } from "../completion/complete-once.ts";
import type { Decided } from "../completion/decide.ts";
import type { EngineEvent } from "../completion/events.ts";
import { type DecisionTokens, UntrustedTokenError } from "../decision-token/decision-tokens.ts";
import type { Idempotency } from "../idempotency/idempotency.ts";
import type { RoutingRequest } from "../routing/types.ts";
import { BatchedStream } from "./batched.ts";
import type { RpcTrace } from "./call-tracer.ts";
import { callerOf } from "./caller.ts";
import { completionFromProto } from "./convert/complete.ts";
import { completedToProto, eventToProto } from "./convert/events.ts";
import { reasoningToProto } from "./convert/reasoning.ts";
import { decisionToProto, routingRequestFromProto } from "./convert/route.ts";
import { IdempotentCalls } from "./idempotent/idempotent-calls.ts";
import { type ServiceEntry, serviceEntry } from "./service-entry.ts";
import { type CompletionRules, validateComplete, validateCompleteOnce } from "./validate/complete.ts";
import { validateRoute } from "./validate/route.ts";
import { type FieldPath, InvalidRequestError } from "./validate/violations.ts";

export type RouterServiceDeps = Readonly<{
  /** Decides. @param keyId of whoever asks @throws CompletionError when nothing can be decided */
  decide(request: RoutingRequest, keyId: string): Decided;
  tokens: DecisionTokens;
  complete(call: CompletionCall): AsyncIterable<readonly EngineEvent[]>;
  completeOnce(call: CompletionCall): Promise<OnceAnswer>;
  idempotency: Idempotency;
  rules: CompletionRules;
  /** Absent: calls are not traced. */
  findTrace?(context: HandlerContext): RpcTrace | undefined;
}>;

export function routerService(deps: RouterServiceDeps): ServiceEntry {
  const { decide, tokens, complete, completeOnce, rules } = deps;
  const idempotent = new IdempotentCalls(deps.idempotency);
  return serviceEntry(RouterService, {
    route: (message, context) => {
      validateRoute(message);
      const request = routingRequestFromProto(message);
      const decided = decide(request, callerOf(context));
      deps.findTrace?.(context)?.onDecision(decided);
      return create(RouteResponseSchema, {
        decision: decisionToProto(decided.decisionId, decided.decision),
        decisionToken: message.withoutDecisionToken ? "" : tokens.issue(request, decided),
      });
    },
    complete: (request, context) => {
      validateComplete(request, rules);
      const run = (): AsyncIterable<CompleteResponse> =>
        new BatchedStream(complete(callOf(request, context, deps, [])), eventToProto);
      return request.idempotencyKey === "" ? run() : idempotent.stream(request, context, run);
    },
    completeOnce: (message, context) => {
      const request = validateCompleteOnce(message, rules);
      const run = async (): Promise<CompleteOnceResponse> =>
        answerToProto(await completeOnce(callOf(request, context, deps, ["request"])));
      return request.idempotencyKey === "" ? run() : idempotent.once(request, context, run);
    },
  });
}

/** @param at where the CompleteRequest stands in the caller's request */
function callOf(
  request: CompleteRequest,
  context: HandlerContext,
  { tokens, findTrace }: RouterServiceDeps,
  at: FieldPath,
): CompletionCall {
  const { signal, timeoutMs } = context;
  const caller = {
    signal,
    timeoutMs: timeoutMs(),
    observer: findTrace?.(context)?.observer,
    keyId: callerOf(context),
  };
  if (request.routing.case !== "decisionToken") return { ...completionFromProto(request), ...caller };
  const token = openToken(request.routing.value, tokens, [...at, "decision_token"]);
  const call = completionFromProto(request, token.request);
  const decided = tokens.resume(token, call.request);
  return { ...call, decided, decideAgain: (request) => tokens.resume(token, request), ...caller };
}

function openToken(token: string, tokens: DecisionTokens, at: FieldPath) {
  try {
    return tokens.open(token);
  } catch (error) {
    if (!(error instanceof UntrustedTokenError)) throw error;
    throw new InvalidRequestError([{ path: at, description: error.problem }]);
  }
}

function answerToProto(answer: OnceAnswer): CompleteOnceResponse {
  const { decisionId, decision, text, reasoning, reasoningBlocks, refusal, toolCalls, completed } = answer;
  return create(CompleteOnceResponseSchema, {
    decision: decisionToProto(decisionId, decision),
    text,
    reasoning,
    reasoningBlocks: reasoningBlocks.map(reasoningToProto),
    refusal,
    toolCalls: toolCalls.map(({ id, name, argumentsJson }) => ({ id, name, argumentsJson })),
    completed: completedToProto(completed),
  });
}
