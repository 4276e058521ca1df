import type { OpenAI } from "openai";
import type { OnceAnswer } from "../../completion/complete-once.ts";
import { targetKey } from "../../routing/types.ts";
import { completionId } from "./chunks.ts";
import { knownOf } from "./progress.ts";
import { reasoningDetails, type WithReasoningDetails } from "./reasoning-details.ts";
import { type Report, reportOf, usageOf } from "./report.ts";

type Message = OpenAI.ChatCompletionMessage & Readonly<{ reasoning_content?: string }> & WithReasoningDetails;
export type WholeAnswer = OpenAI.ChatCompletion & Readonly<{ modeltier: Report }>;

/** @param created when the call came, in seconds of Unix time */
export function wholeAnswer(answer: OnceAnswer, created: number): WholeAnswer {
  const { completed } = answer;
  return {
    id: completionId(completed.executionId),
    object: "chat.completion",
    created,
    model: targetKey(completed.served),
    choices: [
      { index: 0, message: messageOf(answer), logprobs: null, finish_reason: completed.finishReason },
    ],
    usage: usageOf(completed),
    modeltier: reportOf(knownOf(answer), completed),
  };
}

/** An answer that only calls tools, or only refuses, has no content. */
function messageOf({ text, reasoning, reasoningBlocks, refusal, toolCalls }: OnceAnswer): Message {
  const saysElsewhere = toolCalls.length > 0 || refusal !== "";
  return {
    role: "assistant",
    content: text === "" && saysElsewhere ? null : text,
    refusal: refusal === "" ? null : refusal,
    ...(reasoning !== "" && { reasoning_content: reasoning }),
    ...reasoningDetails(reasoningBlocks, toolCalls.length > 0),
    ...(toolCalls.length > 0 && { tool_calls: toolCalls.map(toolCall) }),
  };
}

const toolCall = ({ id, name, argumentsJson }: OnceAnswer["toolCalls"][number]) => ({
  id,
  type: "function" as const,
  function: { name, arguments: argumentsJson },
});
