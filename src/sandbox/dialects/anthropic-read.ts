/** Reading an Anthropic messages request. */
import type { AnswerFormat, Ask, OfferedTool, PromptBlock, ToolChoice } from "../answer/ask.ts";
import { IMAGE_CHARACTERS } from "../answer/tokens.ts";
import { type JsonRecord, listOf, numberOf, recordOf, stringOf } from "../json.ts";
import { anthropicThinks } from "./anthropic-rules.ts";
import { textOf } from "./chat-read.ts";
import type { Incoming } from "./voice.ts";

export function readAnthropicAsk({ body, model }: Incoming): Ask {
  const messages = listOf(body.messages).map(recordOf);
  const choice = recordOf(body.tool_choice);
  return {
    dialect: "anthropic",
    model,
    stream: body.stream === true,
    includeUsage: true,
    includeObfuscation: false,
    maxOutputTokens: numberOf(body.max_tokens),
    stop: listOf(body.stop_sequences).map(stringOf),
    tools: listOf(body.tools).map(readTool),
    toolChoice: readToolChoice(choice),
    parallelToolCalls: choice.disable_parallel_tool_use !== true,
    format: readFormat(recordOf(recordOf(body.output_config).format)),
    reasoning: anthropicThinks(model, body) ? "visible" : "none",
    prompt: promptBlocks(body, messages),
    lastUserText: lastUserText(messages),
    lastMessage: lastMessage(messages.at(-1)),
  };
}

function readTool(tool: unknown): OfferedTool {
  const { name, input_schema } = recordOf(tool);
  return { name: stringOf(name), parameters: input_schema };
}

function readToolChoice({ type, name }: JsonRecord): ToolChoice {
  if (type === "none") return { kind: "none" };
  if (type === "any") return { kind: "required" };
  return type === "tool" ? { kind: "tool", name: stringOf(name) } : { kind: "auto" };
}

const readFormat = (format: JsonRecord): AnswerFormat =>
  format.type === "json_schema" ? { kind: "json_schema", schema: format.schema } : { kind: "text" };

const blocksOf = (content: unknown): readonly JsonRecord[] =>
  typeof content === "string" ? [{ type: "text", text: content }] : listOf(content).map(recordOf);

const lastUserText = (messages: readonly JsonRecord[]): string =>
  textOf(messages.findLast(({ role, content }) => role === "user" && textOf(content).trim() !== "")?.content);

function lastMessage(message: JsonRecord | undefined): Ask["lastMessage"] {
  if (message?.role === "assistant") return "assistant";
  if (message?.role !== "user") return "other";
  return blocksOf(message.content).some(({ type }) => type === "tool_result") ? "tool" : "user";
}

/** Tools, then system, then messages, block by block; that is the order in which they are cached. */
function promptBlocks(body: JsonRecord, messages: readonly JsonRecord[]): readonly PromptBlock[] {
  const format = recordOf(body.output_config).format;
  const blocks = [
    ...listOf(body.tools).map((tool) => jsonBlock(recordOf(tool))),
    ...(format === undefined ? [] : [jsonBlock(recordOf(format))]),
    ...(body.system === undefined ? [] : blocksOf(body.system)).map((block) => contentBlock("system", block)),
    ...messages.flatMap(({ role, content }) =>
      blocksOf(content).map((block) => contentBlock(stringOf(role), block)),
    ),
  ];
  const everywhere = cacheForOf(body);
  const last = blocks.at(-1);
  return everywhere === undefined || last === undefined
    ? blocks
    : [...blocks.slice(0, -1), { ...last, cacheFor: everywhere }];
}

function jsonBlock(part: JsonRecord): PromptBlock {
  const identity = JSON.stringify({ ...part, cache_control: undefined });
  return { identity, characters: identity.length, cacheFor: cacheForOf(part) };
}

function contentBlock(role: string, block: JsonRecord): PromptBlock {
  return {
    identity: JSON.stringify([role, { ...block, cache_control: undefined }]),
    characters: charactersOf(block),
    cacheFor: cacheForOf(block),
  };
}

function charactersOf(block: JsonRecord): number {
  switch (block.type) {
    case "image":
      return IMAGE_CHARACTERS;
    case "tool_use":
      return stringOf(block.name).length + JSON.stringify(block.input ?? {}).length;
    case "tool_result":
      return blocksOf(block.content).reduce((sum, inner) => sum + charactersOf(inner), 0);
    default:
      return stringOf(block.text).length + stringOf(block.thinking).length;
  }
}

function cacheForOf(part: JsonRecord): PromptBlock["cacheFor"] {
  const control = recordOf(part.cache_control);
  if (control.type !== "ephemeral") return undefined;
  return control.ttl === "1h" ? "1h" : "5m";
}
