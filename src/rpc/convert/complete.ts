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
  ToolChoiceMode,
} from "../../../gen/modeltier/v1/completion_pb.js";
import type { RouteRequest } from "../../../gen/modeltier/v1/routing_pb.js";
import type {
  ChatMessage,
  ResponseFormat,
  ToolCall,
  ToolChoice,
  UserPart,
} from "../../providers/provider.ts";
import type { ChatInput, Needs, RoutingRequest, Sampling } from "../../routing/types.ts";
import { routingRequestFromProto } from "./route.ts";

/** A validated CompleteRequest in the engine's words; the router's part reads what the messages and options need. */
export function completionFromProto(request: CompleteRequest) {
  const toolChoice = request.toolChoice && toolChoiceFromProto(request.toolChoice);
  const responseFormat = responseFormatFromProto(request.responseFormat);
  return {
    request: routingOf(request, toolChoice, responseFormat),
    messages: request.messages.flatMap(messagesFromProto),
    tools: request.tools.map((tool) => ({
      name: tool.name,
      description: tool.description,
      parametersJson: JSON.stringify(tool.parameters ?? { type: "object", properties: {} }),
      strict: tool.strict,
    })),
    toolChoice,
    parallelToolCalls: request.toolChoice?.disableParallelCalls ? false : undefined,
    responseFormat,
    delivery: request.delivery === Delivery.ASSURED ? ("ASSURED" as const) : ("LIVE" as const),
    acceptRestart: request.acceptRestart,
    labels: request.labels,
  };
}

function routingOf(
  request: CompleteRequest,
  toolChoice: ToolChoice | undefined,
  responseFormat: ResponseFormat,
): RoutingRequest {
  return {
    ...routingRequestFromProto(request.routing.value as RouteRequest),
    chat: chatInputOf(request),
    needs: needsOf(request, toolChoice, responseFormat),
    sampling: samplingFromProto(request.sampling),
  };
}

/** What scoring reads of the conversation: its text, and the size of everything attached. */
function chatInputOf(request: CompleteRequest): ChatInput {
  const texts: string[] = [];
  let attachmentBytes = 0;
  for (const { parts } of request.messages) {
    for (const { content } of parts) {
      if (content.case === "text") texts.push(content.value);
      else if (content.case === "toolResult") attachmentBytes += Buffer.byteLength(content.value.text);
      else if (content.case === "image" && content.value.source.case === "data") {
        attachmentBytes += content.value.source.value.length;
      }
    }
  }
  return { texts, attachmentBytes };
}

function needsOf(request: CompleteRequest, choice: ToolChoice | undefined, format: ResponseFormat): Needs {
  return {
    tools: request.tools.length > 0,
    forcedTools: choice?.kind === "required" || choice?.kind === "tool",
    images: request.messages.some(({ parts }) => parts.some(({ content }) => content.case === "image")),
    jsonObject: format.kind === "json",
    jsonSchema: format.kind === "json_schema",
  };
}

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
      return [{ role: "assistant", text: textOf(parts), toolCalls: parts.flatMap(toolCallsOf) }];
    case Role.TOOL:
      return parts.flatMap(toolResultsOf);
    default:
      return [{ role: "user", parts: parts.flatMap(userPartsOf) }];
  }
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
