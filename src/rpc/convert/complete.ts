import {
  type CompleteRequest,
  Delivery,
  type Part,
  type Message as ProtoMessage,
  type ResponseFormat as ProtoResponseFormat,
  type ToolChoice as ProtoToolChoice,
  ResponseFormatKind,
  Role,
  type SamplingOptions,
  type Tool,
  ToolChoiceMode,
} from "../../../gen/modeltier/v1/completion_pb.js";
import type { RouteRequest } from "../../../gen/modeltier/v1/routing_pb.js";
import type {
  ChatMessage,
  ResponseFormat,
  ToolCall,
  ToolChoice,
  ToolDefinition,
  UserPart,
} from "../../providers/provider.ts";
import type { Delivery as EngineDelivery, RoutingRequest, Sampling } from "../../routing/types.ts";
import { reasoningFromProto } from "./reasoning.ts";
import { routingRequestFromProto } from "./route.ts";
import { chatInputOf, needsOf } from "./routing-inputs.ts";

/**
 * A validated CompleteRequest in the engine's words; the router's part reads what the messages and options need.
 * @param route who asks, and how to route it; absent: the request's own `route`
 */
export function completionFromProto(
  request: CompleteRequest,
  route: Omit<RoutingRequest, "chat" | "needs" | "sampling"> = routingRequestFromProto(
    request.routing.value as RouteRequest,
  ),
) {
  const answer = {
    messages: request.messages.flatMap(messagesFromProto),
    tools: request.tools.map(toolFromProto),
    toolChoice: request.toolChoice && toolChoiceFromProto(request.toolChoice),
    parallelToolCalls: request.toolChoice?.disableParallelCalls ? false : undefined,
    responseFormat: responseFormatFromProto(request.responseFormat),
  };
  return {
    request: {
      ...route,
      chat: chatInputOf(answer.messages, answer.tools),
      needs: needsOf(answer),
      sampling: samplingFromProto(request.sampling),
    },
    ...answer,
    delivery: deliveryFromProto(request.delivery),
    acceptRestart: request.acceptRestart,
    labels: request.labels,
    withoutPromptStorage: request.withoutPromptStorage,
  };
}

/** undefined for DELIVERY_UNSPECIFIED. */
function deliveryFromProto(delivery: Delivery): EngineDelivery | undefined {
  if (delivery === Delivery.UNSPECIFIED) return undefined;
  return delivery === Delivery.ASSURED ? "ASSURED" : "LIVE";
}

const toolFromProto = ({ name, description, parameters, strict }: Tool): ToolDefinition => ({
  name,
  description,
  parametersJson: JSON.stringify(parameters ?? { type: "object", properties: {} }),
  strict,
});

function samplingFromProto(sampling: SamplingOptions | undefined): Sampling {
  if (sampling === undefined) return {};
  return {
    temperature: sampling.temperature,
    topP: sampling.topP,
    maxOutputTokens: sampling.maxOutputTokens,
    stop: sampling.stop.length === 0 ? undefined : sampling.stop,
    seed: sampling.seed === undefined ? undefined : Number(sampling.seed),
  };
}

/** One message, or, of a tool, one per result: the dialects know a result only as a message of its own. */
function messagesFromProto({ role, parts }: ProtoMessage): ChatMessage[] {
  switch (role) {
    case Role.SYSTEM:
      return [{ role: "system", text: textOf(parts) }];
    case Role.ASSISTANT:
      return [assistantFromProto(parts)];
    case Role.TOOL:
      return parts.flatMap(toolResultsOf);
    default:
      return [{ role: "user", parts: parts.flatMap(userPartsOf) }];
  }
}

/** The parts of a kind stand together: reasoning first, then text, then calls, as models give them. */
function assistantFromProto(parts: readonly Part[]): ChatMessage {
  const reasoning = parts.flatMap(({ content }) =>
    content.case === "reasoning" ? [reasoningFromProto(content.value)] : [],
  );
  return {
    role: "assistant",
    text: textOf(parts),
    toolCalls: parts.flatMap(toolCallsOf),
    ...(reasoning.length > 0 && { reasoning }),
  };
}

const textOf = (parts: readonly Part[]): string =>
  parts.map(({ content }) => (content.case === "text" ? content.value : "")).join("");

function toolCallsOf({ content }: Part): ToolCall[] {
  if (content.case !== "toolCall") return [];
  const { id, name, argumentsJson } = content.value;
  return [{ id, name, argumentsJson }];
}

function toolResultsOf({ content }: Part): ChatMessage[] {
  if (content.case !== "toolResult") return [];
  const { toolCallId, text, isError } = content.value;
  return [{ role: "tool", toolCallId, text, isError }];
}

function userPartsOf({ content }: Part): UserPart[] {
  if (content.case === "text") return [{ kind: "text", text: content.value }];
  if (content.case !== "image") return [];
  const { source, mediaType } = content.value;
  if (source.case === "data") return [{ kind: "image", mediaType, data: source.value }];
  return source.case === "url" ? [{ kind: "image_url", url: source.value }] : [];
}

function toolChoiceFromProto({ mode, name }: ProtoToolChoice): ToolChoice {
  switch (mode) {
    case ToolChoiceMode.NONE:
      return { kind: "none" };
    case ToolChoiceMode.REQUIRED:
      return { kind: "required" };
    case ToolChoiceMode.NAMED:
      return { kind: "tool", name };
    default:
      return { kind: "auto" };
  }
}

function responseFormatFromProto(format: ProtoResponseFormat | undefined): ResponseFormat {
  switch (format?.kind) {
    case ResponseFormatKind.JSON:
      return { kind: "json" };
    case ResponseFormatKind.JSON_SCHEMA:
      return {
        kind: "json_schema",
        name: format.name === "" ? "answer" : format.name,
        schemaJson: JSON.stringify(format.jsonSchema),
        strict: format.strict,
      };
    default:
      return { kind: "text" };
  }
}
