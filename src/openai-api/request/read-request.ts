/** A chat completions request in the engine's words, or the error that says what is wrong with it. */
import type { IncomingHttpHeaders } from "node:http";
import type { CompletionCall } from "../../completion/call.ts";
import { DELIVERIES, type Delivery } from "../../routing/types.ts";
import { chatInputOf, needsOf } from "../../rpc/convert/routing-inputs.ts";
import { LONGEST } from "../../rpc/validate/bounds.ts";
import { requireLength, Violations } from "../../rpc/validate/violations.ts";
import { ApiError } from "../api-error.ts";
import type { ModelsDeps } from "../models.ts";
import { listIgnored, refuseUnserved } from "./fields.ts";
import type { ImageRules } from "./image.ts";
import { JsonValue } from "./json-value.ts";
import { readMessages } from "./messages.ts";
import { readFallbacks, readModel } from "./model.ts";
import { Parameters } from "./parameters.ts";
import { readResponseFormat } from "./response-format.ts";
import { readRoute } from "./route.ts";
import { readSampling } from "./sampling.ts";
import { readToolChoice, readTools } from "./tools.ts";

export type ReadingDeps = ModelsDeps & Readonly<{ rules: ImageRules }>;

/** All but who waits for it. */
export type Call = Omit<CompletionCall, "signal">;

export type ChatRequest = Readonly<{
  call: Call;
  isStreamed: boolean;
  /** A stream ends with a chunk that holds the usage. */
  includeUsage: boolean;
  /** Fields of the body that ask for something and make no difference. */
  ignored: readonly string[];
}>;

/**
 * @param body parsed JSON
 * @throws ApiError for what is not served and for a model that is not known; InvalidRequestError naming all that is wrong
 */
export function readRequest(body: unknown, headers: IncomingHttpHeaders, deps: ReadingDeps): ChatRequest {
  const found = new Violations();
  const json = new JsonValue(body, [], found);
  const fields = json.record();
  if (fields === undefined) throw NO_OBJECT;
  refuseUnserved(fields);
  const call = readCall(json, new Parameters(headers, json.at("metadata")), deps);
  const isStreamed = json.at("stream").flag() ?? false;
  const includeUsage = json.at("stream_options").at("include_usage").flag() ?? false;
  found.throwIfAny();
  return { call, isStreamed, includeUsage, ignored: listIgnored(fields) };
}

const NO_OBJECT = new ApiError({
  status: 400,
  type: "invalid_request_error",
  code: "invalid_value",
  message: "The body is not a JSON object.",
});

function readCall(json: JsonValue, parameters: Parameters, deps: ReadingDeps): Call {
  const { found } = json;
  const constraints = {
    ...readModel(json.at("model"), deps),
    fallbacks: readFallbacks(json.at("models"), parameters, deps),
  };
  const tools = readTools(json.at("tools"));
  const answer = {
    messages: readMessages(json.at("messages"), deps.rules),
    tools,
    toolChoice: readToolChoice(json.at("tool_choice"), tools),
    parallelToolCalls: json.at("parallel_tool_calls").flag() === false ? false : undefined,
    responseFormat: readResponseFormat(json.at("response_format")),
  };
  return {
    request: {
      ...readRoute(parameters, constraints, found),
      chat: chatInputOf(answer.messages, answer.tools),
      needs: needsOf(answer),
      sampling: readSampling(json),
    },
    ...answer,
    delivery: readDelivery(parameters, found),
    acceptRestart: false, // the chunks of this API cannot say that an answer starts over
    labels: { ...readUser(json.at("user")), ...parameters.labels(found) },
    withoutPromptStorage: json.at("store").flag() === false,
  };
}

function readDelivery(parameters: Parameters, found: Violations): Delivery | undefined {
  const given = parameters.findHeader("delivery");
  if (given === undefined) return undefined;
  const delivery = DELIVERIES.find((one) => one === given.text.toUpperCase());
  if (delivery === undefined) found.add(given.path, "is unknown: use live or assured");
  return delivery;
}

/** For whom the caller asks; no model is told. */
function readUser(user: JsonValue): Readonly<Record<string, string>> {
  const text = user.text() ?? "";
  requireLength(user.found, text, LONGEST.labelValue, user.path);
  return text === "" ? {} : { user: text };
}
