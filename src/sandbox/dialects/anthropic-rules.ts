import { isRecord, isSent, type JsonRecord, listOf, numberOf, recordOf, stringOf } from "../json.ts";
import { marksAreFew, marksStandOnContent, thinkingIsUnaltered } from "./anthropic-reasoning-rules.ts";
import { anthropicTraits } from "./model-traits.ts";
import { hasMessages, hasModel, type Rule } from "./rules.ts";

/** From this API version on, sampling parameters are refused. */
const NO_SAMPLING_SINCE = "2026-10-21";
const LEAST_THINKING_TOKENS = 1024;
const SAMPLING = ["temperature", "top_p", "top_k"] as const;

export function anthropicThinks(model: string, body: JsonRecord): boolean {
  const type = stringOf(recordOf(body.thinking).type);
  return (
    anthropicTraits(model).thinks === "always" || ["enabled", "adaptive", "between_tools"].includes(type)
  );
}

const version: Rule = ({ headers }) =>
  stringOf(headers["anthropic-version"]) === ""
    ? { message: "anthropic-version: header is required" }
    : undefined;

const maxTokens: Rule = ({ body }) => {
  const cap = numberOf(body.max_tokens);
  if (cap === undefined) return { message: "max_tokens: Field required" };
  return cap >= 0 ? undefined : { message: "max_tokens: Input should be greater than or equal to 0" };
};

const sampling: Rule = ({ body, headers, model }) => {
  const sent = SAMPLING.find((name) => isSent(body[name]));
  if (sent === undefined) return undefined;
  if (stringOf(headers["anthropic-version"]) >= NO_SAMPLING_SINCE || !anthropicTraits(model).samples) {
    return { message: `${sent}: Extra inputs are not permitted` };
  }
  const temperature = numberOf(body.temperature) ?? 0;
  return temperature >= 0 && temperature <= 1 ? undefined : { message: "temperature: range: 0..1" };
};

const stops: Rule = ({ body }) =>
  listOf(body.stop_sequences).some((stop) => stringOf(stop).trim() === "")
    ? { message: "stop_sequences: each stop sequence must contain non-whitespace" }
    : undefined;

const roles: Rule = ({ body }) => {
  const messages = listOf(body.messages).map(recordOf);
  if (messages[0]?.role !== "user") return { message: 'messages: first message must use the "user" role' };
  const odd = messages.findIndex(({ role }) => role !== "user" && role !== "assistant" && role !== "system");
  return odd < 0 ? undefined : { message: `messages.${odd}.role: Input should be 'user' or 'assistant'` };
};

const hasContent: Rule = ({ body }) => {
  const messages = listOf(body.messages).map(recordOf);
  const empty = messages.findIndex(
    ({ content }) => content === "" || !isSent(content) || isEmptyList(content),
  );
  return empty < 0 ? undefined : { message: `messages.${empty}: all messages must have non-empty content` };
};

const isEmptyList = (content: unknown): boolean => Array.isArray(content) && content.length === 0;

/** Every tool result answers a call that an earlier message made. */
const resultsAnswerCalls: Rule = ({ body }) => {
  const made = new Set<string>();
  const blocks = listOf(body.messages).flatMap((message) => listOf(recordOf(message).content).map(recordOf));
  for (const block of blocks) {
    if (block.type === "tool_use") made.add(stringOf(block.id));
    if (block.type === "tool_result" && !made.has(stringOf(block.tool_use_id))) {
      return { message: "messages: unexpected `tool_use_id` found in `tool_result` blocks" };
    }
  }
  return undefined;
};

const forcedTool: Rule = ({ body, model }) => {
  const type = recordOf(body.tool_choice).type;
  return (type === "any" || type === "tool") && anthropicThinks(model, body)
    ? { message: "Thinking may not be enabled when tool_choice forces tool use." }
    : undefined;
};

const tools: Rule = ({ body }) => {
  const odd = listOf(body.tools).findIndex((tool) => !isRecord(recordOf(tool).input_schema));
  return odd < 0 ? undefined : { message: `tools.${odd}.input_schema: Field required` };
};

const namedToolIsOffered: Rule = ({ body }) => {
  const { type, name } = recordOf(body.tool_choice);
  return type !== "tool" || listOf(body.tools).some((tool) => recordOf(tool).name === name)
    ? undefined
    : { message: `Tool '${stringOf(name)}' not found in provided tools` };
};

const thinkingBudget: Rule = ({ body, model }) => {
  const { type, budget_tokens } = recordOf(body.thinking);
  if (type === "disabled" && anthropicTraits(model).thinks === "always") {
    return { message: "thinking: this model cannot be told not to think" };
  }
  if (type !== "enabled") return undefined;
  return (numberOf(budget_tokens) ?? 0) >= LEAST_THINKING_TOKENS
    ? undefined
    : { message: "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024" };
};

export const ANTHROPIC_RULES: readonly Rule[] = [
  version,
  hasModel,
  maxTokens,
  hasMessages,
  roles,
  hasContent,
  sampling,
  stops,
  tools,
  namedToolIsOffered,
  forcedTool,
  thinkingBudget,
  resultsAnswerCalls,
  thinkingIsUnaltered,
  marksAreFew,
  marksStandOnContent,
];
