/** Reading a chat-completions request, which OpenAI and Kimi share. */
import type { AnswerFormat, Ask, OfferedTool, PromptBlock, ToolChoice } from "../answer/ask.ts";
import { IMAGE_CHARACTERS } from "../answer/tokens.ts";
import { type JsonRecord, listOf, numberOf, recordOf, stringOf } from "../json.ts";
import type { Incoming } from "./voice.ts";

type ChatAsk = Omit<Ask, "dialect" | "reasoning">;

export function readChatAsk({ body, model }: Incoming): ChatAsk {
  const messages = listOf(body.messages).map(recordOf);
  const streamOptions = recordOf(body.stream_options);
  return {
    model,
    stream: body.stream === true,
    includeUsage: streamOptions.include_usage === true,
    includeObfuscation: streamOptions.include_obfuscation !== false,
    maxOutputTokens: numberOf(body.max_completion_tokens) ?? numberOf(body.max_tokens),
    stop: typeof body.stop === "string" ? [body.stop] : listOf(body.stop).map(stringOf),
    tools: listOf(body.tools).map(readTool),
    toolChoice: readToolChoice(body.tool_choice),
    parallelToolCalls: body.parallel_tool_calls !== false,
    format: readFormat(recordOf(body.response_format)),
    prompt: [...headBlocks(body), ...messages.map(messageBlock)],
    lastUserText: textOf(messages.findLast((message) => message.role === "user")?.content),
    lastMessage: readRole(messages.at(-1)?.role),
  };
}

/** The text of a message's content, be it a string or parts. */
export const textOf = (content: unknown): string =>
  typeof content === "string"
    ? content
    : listOf(content)
        .map((part) => stringOf(recordOf(part).text))
        .join("\n");

function readTool(tool: unknown): OfferedTool {
  const definition = recordOf(recordOf(tool).function);
  return { name: stringOf(definition.name), parameters: definition.parameters };
}

function readToolChoice(choice: unknown): ToolChoice {
  if (choice === "none" || choice === "required") return { kind: choice };
  const name = stringOf(recordOf(recordOf(choice).function).name);
  return name === "" ? { kind: "auto" } : { kind: "tool", name };
}

function readFormat(format: JsonRecord): AnswerFormat {
  if (format.type === "json_object") return { kind: "json" };
  if (format.type !== "json_schema") return { kind: "text" };
  return { kind: "json_schema", schema: recordOf(format.json_schema).schema };
}

const readRole = (role: unknown): Ask["lastMessage"] =>
  role === "user" || role === "assistant" || role === "tool" ? role : "other";

/** Tools and the answer's schema stand before the messages, as the providers count them. */
function headBlocks(body: JsonRecord): readonly PromptBlock[] {
  return [body.tools, body.response_format]
    .filter((part) => part !== undefined && part !== null)
    .map((part) => JSON.stringify(part))
    .map((identity) => ({ identity, characters: identity.length }));
}

function messageBlock(message: JsonRecord): PromptBlock {
  const calls = listOf(message.tool_calls).length === 0 ? "" : JSON.stringify(message.tool_calls);
  const reasoning = stringOf(message.reasoning_content);
  const images = listOf(message.content).filter((part) => recordOf(part).type === "image_url");
  return {
    identity: JSON.stringify([message.role, message.content, calls, message.tool_call_id, reasoning]),
    characters:
      textOf(message.content).length + calls.length + reasoning.length + images.length * IMAGE_CHARACTERS,
  };
}
