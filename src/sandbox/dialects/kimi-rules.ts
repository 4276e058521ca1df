import { isSent, type JsonRecord, listOf, numberOf, recordOf, stringOf } from "../json.ts";
import { textOf } from "./chat-read.ts";
import { kimiTraits } from "./model-traits.ts";
import {
  capIsPositive,
  forcesTool,
  hasMessages,
  hasModel,
  namedToolIsOffered,
  oneChoice,
  type Rule,
  resultsAnswerCalls,
} from "./rules.ts";

const MOST_STOPS = 5;
const LONGEST_STOP_BYTES = 32;

/** Whether the model thinks for this request: some always do, some can be told not to. */
export function kimiThinks(model: string, body: JsonRecord): boolean {
  const { thinks } = kimiTraits(model);
  return thinks === "always" || (thinks === "optional" && recordOf(body.thinking).type !== "disabled");
}

const temperature: Rule = ({ body, model }) => {
  const asked = numberOf(body.temperature);
  if (asked === undefined) return undefined;
  const fixed = kimiTraits(model).fixedTemperature;
  if (fixed === undefined) {
    return asked >= 0 && asked <= 1 ? undefined : { message: "invalid temperature: only 0 to 1 is allowed" };
  }
  const only = kimiThinks(model, body) ? fixed.thinking : fixed.plain;
  return asked === only
    ? undefined
    : { message: `invalid temperature: only ${only} is allowed for this model` };
};

const topP: Rule = ({ body, model }) =>
  kimiTraits(model).fixedTemperature !== undefined && isSent(body.top_p) && body.top_p !== 0.95
    ? { message: "invalid top_p: only 0.95 is allowed for this model" }
    : undefined;

const stops: Rule = ({ body }) => {
  const all = typeof body.stop === "string" ? [body.stop] : listOf(body.stop).map(stringOf);
  return all.length <= MOST_STOPS && all.every((stop) => Buffer.byteLength(stop) <= LONGEST_STOP_BYTES)
    ? undefined
    : { message: `invalid stop: at most ${MOST_STOPS} sequences of at most ${LONGEST_STOP_BYTES} bytes` };
};

const roles: Rule = ({ body }) =>
  listOf(body.messages).some((message) => recordOf(message).role === "developer")
    ? { message: "invalid role: developer" }
    : undefined;

const assistantSaysSomething: Rule = ({ body }) => {
  const empty = listOf(body.messages)
    .map(recordOf)
    .findIndex(
      ({ role, content, tool_calls }) =>
        role === "assistant" && textOf(content) === "" && listOf(tool_calls).length === 0,
    );
  return empty < 0
    ? undefined
    : {
        message: `Invalid request: the message at position ${empty} with role 'assistant' must not be empty`,
      };
};

/** While a model thinks, the calls it has made come back with the thoughts that led to them. */
const callsComeWithReasoning: Rule = ({ body, model }) => {
  if (!kimiThinks(model, body)) return undefined;
  const bare = listOf(body.messages)
    .map(recordOf)
    .findIndex(
      ({ tool_calls, reasoning_content }) => listOf(tool_calls).length > 0 && !stringOf(reasoning_content),
    );
  return bare < 0
    ? undefined
    : {
        message: `thinking is enabled but reasoning_content is missing in assistant tool call message at index ${bare}`,
      };
};

const forcedTool: Rule = ({ body, model }) =>
  forcesTool(body) && kimiThinks(model, body)
    ? {
        message: `tool_choice '${body.tool_choice === "required" ? "required" : "specified"}' is incompatible with thinking enabled`,
      }
    : undefined;

const schema: Rule = ({ body }) => {
  const format = recordOf(body.response_format);
  if (format.type !== "json_schema") return undefined;
  const root = recordOf(recordOf(format.json_schema).schema);
  return root.type === "object" && !("$schema" in root)
    ? undefined
    : { message: "invalid response_format: the schema's root must be an object, without $schema" };
};

export const KIMI_RULES: readonly Rule[] = [
  hasModel,
  hasMessages,
  capIsPositive,
  temperature,
  topP,
  stops,
  roles,
  assistantSaysSomething,
  callsComeWithReasoning,
  forcedTool,
  namedToolIsOffered,
  resultsAnswerCalls,
  schema,
  oneChoice,
];
