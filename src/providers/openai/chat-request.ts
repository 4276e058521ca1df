/** A request in the words of chat completions. */
import type { OpenAI } from "openai";
import type { ModelParameters } from "../../pricing/types.ts";
import type {
  ChatMessage,
  CompletionRequest,
  ResponseFormat,
  ToolChoice,
  ToolDefinition,
  UserPart,
} from "../provider.ts";
import { parseObject } from "../unsendable-request.ts";

/** What a dialect does differently in its requests. */
export type ChatVariant = Readonly<{
  /** Usage of a stream comes only when asked for. */
  asksForUsage: boolean;
  /** The schema of an answer may say which JSON Schema it is written in. */
  takesSchemaKeyword: boolean;
}>;

type AssistantMessage = Extract<ChatMessage, { role: "assistant" }>;
type Payload = OpenAI.Chat.ChatCompletionCreateParams;
/** `reasoning_content` is not OpenAI's own; Kimi and others have it. */
type Message = OpenAI.Chat.ChatCompletionMessageParam & { reasoning_content?: string };

/**
 * The body of a chat completions request. What is absent in the request is absent here: a parameter that is not sent cannot be refused.
 * @throws UnsendableRequest when a schema is not a JSON object
 */
export function chatPayload(request: CompletionRequest, stream: boolean, variant: ChatVariant): Payload {
  const usage = variant.asksForUsage ? { stream_options: { include_usage: true } } : {};
  return {
    model: request.model,
    messages: request.messages.flatMap((message) => messageParams(message, request.parameters)),
    [request.parameters.outputCap]: request.maxOutputTokens,
    temperature: request.temperature,
    top_p: request.topP,
    stop: request.stop?.length ? [...request.stop] : undefined,
    seed: request.seed,
    prompt_cache_key: request.parameters.promptCacheKey ? request.cacheKey : undefined,
    response_format: responseFormat(request.responseFormat, variant),
    ...toolParams(request),
    ...(stream ? { stream: true, ...usage } : { stream: false }),
  };
}

/** None for an assistant message that says nothing: some hosts refuse it, and it means nothing. */
function messageParams(message: ChatMessage, parameters: ModelParameters): Message[] {
  switch (message.role) {
    case "system":
      return [{ role: parameters.systemRole, content: message.text }];
    case "user":
      return [{ role: "user", content: userContent(message.parts) }];
    case "tool":
      return [{ role: "tool", tool_call_id: message.toolCallId, content: message.text }];
    case "assistant":
      return assistantParams(message, parameters);
  }
}

function assistantParams(message: AssistantMessage, parameters: ModelParameters): Message[] {
  if (message.text === "" && message.toolCalls.length === 0) return [];
  const toolCalls = message.toolCalls.map(({ id, name, argumentsJson }) => ({
    id,
    type: "function" as const,
    function: { name, arguments: argumentsJson === "" ? "{}" : argumentsJson },
  }));
  return [
    {
      role: "assistant",
      content: message.text === "" ? null : message.text,
      ...(parameters.reasoningBack === "reasoning_content" && reasoningParam(message)),
      ...(toolCalls.length > 0 && { tool_calls: toolCalls }),
    },
  ];
}

/**
 * The reasoning as text. A tool call without any is refused, though there is none to give where another model made it: a space is
 * the least that is taken.
 */
function reasoningParam({ reasoning = [], toolCalls }: AssistantMessage): { reasoning_content?: string } {
  const text = reasoning.map((block) => block.text).join("");
  if (text !== "") return { reasoning_content: text };
  return toolCalls.length > 0 ? { reasoning_content: " " } : {};
}

/** A lone text stays a string: every compatible host takes that, not all take parts. */
function userContent(parts: readonly UserPart[]): string | OpenAI.Chat.ChatCompletionContentPart[] {
  const [only] = parts;
  if (parts.length === 1 && only?.kind === "text") return only.text;
  return parts.map(contentPart);
}

function contentPart(part: UserPart): OpenAI.Chat.ChatCompletionContentPart {
  switch (part.kind) {
    case "text":
      return { type: "text", text: part.text };
    case "image":
      return { type: "image_url", image_url: { url: dataUrl(part.mediaType, part.data) } };
    case "image_url":
      return { type: "image_url", image_url: { url: part.url } };
  }
}

function dataUrl(mediaType: string, data: Uint8Array): string {
  return `data:${mediaType};base64,${Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64")}`;
}

/** Without tools there is nothing to choose from, and saying so anyway is refused. */
function toolParams(request: CompletionRequest): Partial<Payload> {
  if (request.tools.length === 0) return {};
  return {
    tools: request.tools.map(toolParam),
    tool_choice: request.toolChoice && toolChoiceParam(request.toolChoice),
    parallel_tool_calls: request.parallelToolCalls,
    reasoning_effort: request.parameters.effortWithTools,
  };
}

function toolParam(tool: ToolDefinition): OpenAI.Chat.ChatCompletionTool {
  const { name, description, parametersJson, strict } = tool;
  return {
    type: "function",
    function: {
      name,
      ...(description !== "" && { description }),
      ...(parametersJson !== "" && { parameters: parseObject(parametersJson, "the parameters of a tool") }),
      ...(strict && { strict }),
    },
  };
}

function toolChoiceParam(choice: ToolChoice): OpenAI.Chat.ChatCompletionToolChoiceOption {
  return choice.kind === "tool" ? { type: "function", function: { name: choice.name } } : choice.kind;
}

function responseFormat(format: ResponseFormat, variant: ChatVariant): Payload["response_format"] {
  switch (format.kind) {
    case "text":
      return undefined;
    case "json":
      return { type: "json_object" };
    case "json_schema": {
      const { $schema, ...rest } = parseObject(format.schemaJson, "the schema of the answer");
      const schema = variant.takesSchemaKeyword && $schema !== undefined ? { $schema, ...rest } : rest;
      return { type: "json_schema", json_schema: { name: format.name, strict: format.strict, schema } };
    }
  }
}
