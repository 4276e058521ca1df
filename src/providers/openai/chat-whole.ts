/** A whole answer of chat completions. */
import { asList, asRecord, asText, isJson, type JsonRecord } from "../json.ts";
import type { Completion, ToolCall } from "../provider.ts";
import type { ResponseFailures } from "../response-failures.ts";
import { chatFinishReason } from "./chat-finish.ts";
import { chatUsage, sameUsage } from "./chat-usage.ts";

/** @throws ProviderError `protocol` without a choice, `truncated` without a finish reason */
export function readChatCompletion(body: JsonRecord, failures: ResponseFailures): Completion {
  const choice = asRecord(asList(body.choices)[0]);
  if (choice === undefined) throw failures.failed("protocol", "an answer without a choice");
  const finishReason = chatFinishReason(asText(choice.finish_reason), failures);
  // A filtered answer may have no message at all.
  const message = asRecord(choice.message);
  const toolCalls = asList(message?.tool_calls).map((call) => toolCall(call, failures));
  const model = asText(body.model);
  const reasoning = asText(message?.reasoning_content) || asText(message?.reasoning);
  return {
    text: asText(message?.content),
    reasoning,
    reasoningBlocks: reasoning === "" ? [] : [{ text: reasoning }],
    refusal: asText(message?.refusal),
    toolCalls:
      finishReason === "length" ? toolCalls.filter(({ argumentsJson }) => isJson(argumentsJson)) : toolCalls,
    finishReason,
    ...(model !== "" && { model }),
    ...usageOf(body, choice),
  };
}

function toolCall(value: unknown, failures: ResponseFailures): ToolCall {
  const call = asRecord(value);
  const target = asRecord(call?.function);
  const name = asText(target?.name);
  if (name === "") throw failures.failed("protocol", "a tool call without a name");
  return { id: asText(call?.id), name, argumentsJson: asText(target?.arguments) };
}

function usageOf(body: JsonRecord, choice: JsonRecord): Pick<Completion, "usage" | "usageMismatch"> {
  const inChoice = chatUsage(choice.usage);
  const usage = chatUsage(body.usage) ?? inChoice;
  if (usage === undefined) return { usageMismatch: false };
  return { usage, usageMismatch: inChoice !== undefined && !sameUsage(usage, inChoice) };
}
