/** What the real APIs refuse, as far as a request shows it. A rule looks at one thing; the first problem is the answer. */
import { isRecord, type JsonRecord, listOf, numberOf, recordOf, stringOf } from "../json.ts";
import type { Incoming, Problem } from "./voice.ts";

export type Rule = (incoming: Incoming) => Problem | undefined;

export function firstProblem(rules: readonly Rule[], incoming: Incoming): Problem | undefined {
  for (const rule of rules) {
    const problem = rule(incoming);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

export const hasModel: Rule = ({ body }) =>
  stringOf(body.model) === "" ? { message: "you must provide a model parameter", param: "model" } : undefined;

export const hasMessages: Rule = ({ body }) =>
  listOf(body.messages).length > 0 && listOf(body.messages).every(isRecord)
    ? undefined
    : { message: "messages: a list of at least one message is required", param: "messages" };

export const capIsPositive: Rule = ({ body }) => {
  const param = ["max_tokens", "max_completion_tokens"].find((name) => (numberOf(body[name]) ?? 1) < 1);
  return param === undefined
    ? undefined
    : { message: `Invalid '${param}': integer below minimum value.`, param, code: "integer_below_min_value" };
};

export const oneChoice: Rule = ({ body }) =>
  (numberOf(body.n) ?? 1) === 1
    ? undefined
    : { message: "The sandbox gives one choice: leave n out.", param: "n", code: "unsupported_value" };

/** Every tool result answers a call that an earlier message made. */
export const resultsAnswerCalls: Rule = ({ body }) => {
  const made = new Set<string>();
  for (const message of listOf(body.messages).map(recordOf)) {
    for (const call of listOf(message.tool_calls)) made.add(stringOf(recordOf(call).id));
    if (message.role === "tool" && !made.has(stringOf(message.tool_call_id))) {
      return {
        message: "messages with role 'tool' must be a response to a preceding message with 'tool_calls'.",
        param: "messages",
      };
    }
  }
  return undefined;
};

/** A tool choice that names a tool names one that is offered. */
export const namedToolIsOffered: Rule = ({ body }) => {
  const name = stringOf(recordOf(recordOf(body.tool_choice).function).name);
  const offered = listOf(body.tools).map((tool) => stringOf(recordOf(recordOf(tool).function).name));
  return name === "" || offered.includes(name)
    ? undefined
    : { message: `Tool choice '${name}' not found in 'tools' parameter.`, param: "tool_choice" };
};

export const forcesTool = (body: JsonRecord): boolean =>
  body.tool_choice === "required" || isRecord(body.tool_choice);
