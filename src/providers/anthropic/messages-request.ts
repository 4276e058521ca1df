/** A request in the words of Anthropic's messages. */
import type { Anthropic } from "@anthropic-ai/sdk";
import type { ModelParameters } from "../../pricing/types.ts";
import type {
  ChatMessage,
  CompletionRequest,
  ReasoningBlock,
  ToolChoice,
  ToolDefinition,
  UserPart,
} from "../provider.ts";
import { parseObject, UnsendableRequest } from "../unsendable-request.ts";
import { systemText, type Turn, withMarks } from "./prompt-marks.ts";

/** The newest API version refuses sampling parameters and the SDK's types no longer have them; older models take them still. */
type Payload = Anthropic.MessageCreateParams & {
  temperature?: number | undefined;
  top_p?: number | undefined;
};
type Block = Anthropic.ContentBlockParam;
type AssistantMessage = Extract<ChatMessage, { role: "assistant" }>;

/**
 * The body of a messages request. The last message is the caller's last: no words are put into the model's mouth.
 * @throws UnsendableRequest for a schema or tool call arguments that are not a JSON object, and for JSON without a schema
 */
export function messagesPayload(request: CompletionRequest, stream: boolean): Payload {
  const { messages, parameters } = request;
  const prompt = {
    system: systemText(messages),
    ...toolList(request.tools),
    messages: turns(messages, parameters),
  };
  return {
    model: request.model,
    max_tokens: request.maxOutputTokens,
    ...(request.cacheKey === undefined ? prompt : withMarks(prompt, messages)),
    stop_sequences: request.stop?.length ? [...request.stop] : undefined,
    temperature: request.temperature,
    top_p: request.topP,
    output_config: outputConfig(request),
    ...choiceParam(request),
    stream,
  };
}

/** Turns must alternate, so neighbours of one role become one: tool results and the user's next words, for instance. */
function turns(messages: readonly ChatMessage[], parameters: ModelParameters): Turn[] {
  const merged: Turn[] = [];
  for (const message of messages) {
    if (message.role === "system") continue;
    const role = message.role === "assistant" ? "assistant" : "user";
    const content = blocks(message, parameters);
    const last = merged.at(-1);
    if (last?.role === role) last.content.push(...content);
    else if (content.length > 0) merged.push({ role, content });
  }
  return merged;
}

function blocks(message: Exclude<ChatMessage, { role: "system" }>, parameters: ModelParameters): Block[] {
  switch (message.role) {
    case "user":
      return message.parts.flatMap(userBlocks);
    case "assistant":
      return assistantBlocks(message, parameters);
    case "tool":
      return [toolResultBlock(message)];
  }
}

/** Reasoning comes first, and never alone: a message that says nothing else is left out. */
function assistantBlocks(
  { text, toolCalls, reasoning = [] }: AssistantMessage,
  parameters: ModelParameters,
): Block[] {
  const said = [...textBlocks(text), ...toolCalls.map(toolUseBlock)];
  const takesReasoning = parameters.reasoningBack === "signed_blocks" && said.length > 0;
  return takesReasoning ? [...reasoning.flatMap(reasoningBlock), ...said] : said;
}

/** None of reasoning without a signature: it is of another provider's model, and would be refused. */
function reasoningBlock({ text, signature, encrypted }: ReasoningBlock): Block[] {
  if (encrypted !== undefined) return [{ type: "redacted_thinking", data: encrypted }];
  return signature === undefined ? [] : [{ type: "thinking", thinking: text, signature }];
}

/** An empty text block is refused. */
function textBlocks(text: string): Block[] {
  return text === "" ? [] : [{ type: "text", text }];
}

function userBlocks(part: UserPart): Block[] {
  switch (part.kind) {
    case "text":
      return textBlocks(part.text);
    case "image_url":
      return [{ type: "image", source: { type: "url", url: part.url } }];
    case "image":
      return [{ type: "image", source: base64Source(part.mediaType, part.data) }];
  }
}

function base64Source(mediaType: string, data: Uint8Array): Anthropic.Base64ImageSource {
  return {
    type: "base64",
    media_type: mediaType as Anthropic.Base64ImageSource["media_type"],
    data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64"),
  };
}

function toolUseBlock({
  id,
  name,
  argumentsJson,
}: {
  id: string;
  name: string;
  argumentsJson: string;
}): Block {
  return { type: "tool_use", id, name, input: parseObject(argumentsJson, "the arguments of a tool call") };
}

function toolResultBlock(message: Extract<ChatMessage, { role: "tool" }>): Block {
  return {
    type: "tool_result",
    tool_use_id: message.toolCallId,
    content: message.text,
    ...(message.isError && { is_error: true }),
  };
}

const toolList = (tools: readonly ToolDefinition[]): { tools?: Anthropic.Tool[] } =>
  tools.length === 0 ? {} : { tools: tools.map(toolParam) };

function choiceParam({ tools, toolChoice, parallelToolCalls }: CompletionRequest): Partial<Payload> {
  return tools.length === 0 ? {} : { tool_choice: toolChoiceParam(toolChoice, parallelToolCalls) };
}

function toolParam({ name, description, parametersJson, strict }: ToolDefinition): Anthropic.Tool {
  return {
    name,
    input_schema: { type: "object", ...parseObject(parametersJson, "the parameters of a tool") },
    ...(description !== "" && { description }),
    ...(strict && { strict }),
  };
}

/** Whether calls may be parallel is part of the choice here, so saying only that says "auto" too. */
function toolChoiceParam(
  choice: ToolChoice | undefined,
  parallel: boolean | undefined,
): Anthropic.ToolChoice | undefined {
  const one = parallel === undefined ? {} : { disable_parallel_tool_use: !parallel };
  switch (choice?.kind) {
    case undefined:
      return parallel === undefined ? undefined : { type: "auto", ...one };
    case "auto":
      return { type: "auto", ...one };
    case "required":
      return { type: "any", ...one };
    case "tool":
      return { type: "tool", name: choice.name, ...one };
    case "none":
      return { type: "none" };
  }
}

function outputConfig({ responseFormat: format }: CompletionRequest): Anthropic.OutputConfig | undefined {
  switch (format.kind) {
    case "text":
      return undefined;
    case "json":
      throw new UnsendableRequest("this dialect answers in JSON only by a schema");
    case "json_schema": {
      const schema = { ...parseObject(format.schemaJson, "the schema of the answer") };
      return { format: { type: "json_schema", schema } };
    }
  }
}
