import { isSent, listOf, numberOf } from "../json.ts";
import { openAiTraits } from "./model-traits.ts";
import {
  capIsPositive,
  hasMessages,
  hasModel,
  namedToolIsOffered,
  oneChoice,
  type Rule,
  resultsAnswerCalls,
} from "./rules.ts";

const MOST_STOPS = 4;

const unsupportedParameter = (param: string, remedy = ""): ReturnType<Rule> => ({
  message: `Unsupported parameter: '${param}' is not supported with this model.${remedy}`,
  param,
  code: "unsupported_parameter",
});

const oldCap: Rule = ({ body, model }) =>
  openAiTraits(model).reasons && isSent(body.max_tokens)
    ? unsupportedParameter("max_tokens", " Use 'max_completion_tokens' instead.")
    : undefined;

/** Reasoning models take the default sampling only, unless their effort is "none". */
const sampling: Rule = ({ body, model }) => {
  if (!openAiTraits(model).reasons || body.reasoning_effort === "none") return undefined;
  const usual = { temperature: 1, top_p: 1, presence_penalty: 0, frequency_penalty: 0 };
  const param = Object.entries(usual).find(
    ([name, value]) => isSent(body[name]) && body[name] !== value,
  )?.[0];
  return param === undefined
    ? undefined
    : {
        message: `Unsupported value: '${param}' does not support this value with this model. Only the default is supported.`,
        param,
        code: "unsupported_value",
      };
};

const temperatureRange: Rule = ({ body }) => {
  const temperature = numberOf(body.temperature) ?? 1;
  if (temperature >= 0 && temperature <= 2) return undefined;
  return {
    message: "Invalid 'temperature': expected a value from 0 to 2.",
    param: "temperature",
    code: temperature > 2 ? "decimal_above_max_value" : "decimal_below_min_value",
  };
};

const stops: Rule = ({ body, model }) => {
  if (openAiTraits(model).reasons && isSent(body.stop)) return unsupportedParameter("stop");
  return listOf(body.stop).length <= MOST_STOPS
    ? undefined
    : {
        message: `Invalid 'stop': at most ${MOST_STOPS} sequences.`,
        param: "stop",
        code: "array_above_max_length",
      };
};

const toolsWithReasoning: Rule = ({ body, model }) =>
  openAiTraits(model).toolsNeedNoEffort && listOf(body.tools).length > 0 && body.reasoning_effort !== "none"
    ? {
        message: "Function tools on chat completions need reasoning_effort 'none' with this model.",
        param: "reasoning_effort",
        code: "unsupported_value",
      }
    : undefined;

const effort: Rule = ({ body, model }) => {
  const { reasons, knowsNoEffort } = openAiTraits(model);
  if (!isSent(body.reasoning_effort)) return undefined;
  if (!reasons) return unsupportedParameter("reasoning_effort");
  return body.reasoning_effort !== "none" || knowsNoEffort
    ? undefined
    : {
        message: "Unsupported value: 'reasoning_effort' does not support 'none' with this model.",
        param: "reasoning_effort",
        code: "unsupported_value",
      };
};

const streamOptions: Rule = ({ body }) =>
  isSent(body.stream_options) && body.stream !== true
    ? {
        message: "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
        param: "stream_options",
      }
    : undefined;

export const OPENAI_RULES: readonly Rule[] = [
  hasModel,
  hasMessages,
  oldCap,
  capIsPositive,
  temperatureRange,
  sampling,
  stops,
  effort,
  toolsWithReasoning,
  namedToolIsOffered,
  resultsAnswerCalls,
  streamOptions,
  oneChoice,
];
