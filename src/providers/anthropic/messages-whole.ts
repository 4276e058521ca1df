/** A whole answer of Anthropic's messages. */
import { asList, asRecord, asText, type JsonRecord } from "../json.ts";
import type { Completion, ReasoningBlock, ToolCall } from "../provider.ts";
import type { ResponseFailures } from "../response-failures.ts";
import { messagesFinishReason } from "./messages-finish.ts";
import { MessagesUsage } from "./messages-usage.ts";

/** @throws ProviderError `protocol` for what is no message, `truncated` for one that has not ended */
export function readMessage(body: JsonRecord, failures: ResponseFailures): Completion {
  if (!Array.isArray(body.content)) throw failures.failed("protocol", "an answer without content");
  const blocks = asList(body.content)
    .map(asRecord)
    .filter((block) => block !== undefined);
  const join = (type: "text" | "thinking") =>
    blocks.map((block) => (block.type === type ? asText(block[type]) : "")).join("");
  const usage = new MessagesUsage();
  usage.add(body.usage);
  const model = asText(body.model);
  return {
    text: join("text"),
    reasoning: join("thinking"),
    reasoningBlocks: blocks.flatMap(reasoningBlocks),
    refusal: "",
    toolCalls: blocks.filter((block) => block.type === "tool_use").map((block) => toolCall(block, failures)),
    finishReason: messagesFinishReason(asText(body.stop_reason), failures),
    usageMismatch: false,
    ...(usage.total && { usage: usage.total }),
    ...(model !== "" && { model }),
  };
}

function reasoningBlocks({ type, thinking, signature, data }: JsonRecord): ReasoningBlock[] {
  if (type === "redacted_thinking") return [{ text: "", encrypted: asText(data) }];
  if (type !== "thinking") return [];
  const proof = asText(signature);
  return [{ text: asText(thinking), ...(proof !== "" && { signature: proof }) }];
}

function toolCall(block: JsonRecord, failures: ResponseFailures): ToolCall {
  const name = asText(block.name);
  if (name === "") throw failures.failed("protocol", "a tool call without a name");
  return { id: asText(block.id), name, argumentsJson: JSON.stringify(block.input ?? {}) };
}
