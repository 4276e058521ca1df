import {
  type CompleteOnceRequest,
  type CompleteRequest,
  Delivery,
  type Image,
  type Message,
  type Part,
  type Reasoning,
  type ResponseFormat,
  ResponseFormatKind,
  Role,
  type SamplingOptions,
  type Tool,
  type ToolChoice,
  ToolChoiceMode,
} from "../../../gen/modeltier/v1/completion_pb.js";
import { IMAGE_TYPES, LONGEST, MOST, RANGES, TOOL_NAME } from "./bounds.ts";
import { checkRoute } from "./route.ts";
import { type FieldPath, requireLength, requireRange, Violations } from "./violations.ts";

const PARTS_OF_ROLE: Readonly<Record<Role, readonly Part["content"]["case"][]>> = {
  [Role.UNSPECIFIED]: [],
  [Role.SYSTEM]: ["text"],
  [Role.USER]: ["text", "image"],
  [Role.ASSISTANT]: ["text", "toolCall", "reasoning"],
  [Role.TOOL]: ["toolResult"],
};

export type CompletionRules = Readonly<{
  /** Whether an image may be given by address, which the provider then fetches. */
  allowImageUrls: boolean;
}>;

/**
 * @param at where the CompleteRequest stands in the caller's request; [] when it is the request
 * @throws InvalidRequestError naming every wrong field
 */
export function validateComplete(request: CompleteRequest, rules: CompletionRules, at: FieldPath = []): void {
  const found = new Violations();
  checkRouting(found, request, at);
  checkMessages(found, request.messages, rules, [...at, "messages"]);
  checkTools(found, request, at);
  if (request.responseFormat !== undefined) {
    checkResponseFormat(found, request.responseFormat, [...at, "response_format"]);
  }
  if (request.sampling !== undefined) checkSampling(found, request.sampling, [...at, "sampling"]);
  found.require(
    Delivery[request.delivery] !== undefined,
    [...at, "delivery"],
    "is not a delivery: use DELIVERY_LIVE or DELIVERY_ASSURED",
  );
  checkLabels(found, request.labels, [...at, "labels"]);
  requireLength(found, request.idempotencyKey, LONGEST.idempotencyKey, [...at, "idempotency_key"]);
  found.throwIfAny();
}

/** @throws as validateComplete */
export function validateCompleteOnce(message: CompleteOnceRequest, rules: CompletionRules): CompleteRequest {
  const found = new Violations();
  found.require(message.request !== undefined, ["request"], "is missing: put what Complete takes there");
  found.throwIfAny();
  const request = message.request as CompleteRequest;
  validateComplete(request, rules, ["request"]);
  return request;
}

function checkRouting(found: Violations, { routing, sampling }: CompleteRequest, at: FieldPath): void {
  if (routing.case === "route") checkRoute(found, routing.value, [...at, "route"]);
  else if (routing.case === undefined) found.add([...at, "route"], "is missing: say at least route {}");
  else if (sampling !== undefined) checkUndecided(found, sampling, [...at, "sampling"]);
}

/** With a token these two have been decided, and what was shown is what runs. */
function checkUndecided(found: Violations, sampling: SamplingOptions, at: FieldPath): void {
  const isDecided = "was decided by Route: leave it out, or send route in place of the token";
  found.require(sampling.temperature === undefined, [...at, "temperature"], isDecided);
  found.require(sampling.maxOutputTokens === undefined, [...at, "max_output_tokens"], isDecided);
}

function checkMessages(
  found: Violations,
  messages: readonly Message[],
  rules: CompletionRules,
  at: FieldPath,
): void {
  found.require(messages.length > 0, at, "is empty: send at least one message of the user");
  messages.forEach((message, index) => {
    checkMessage(found, message, rules, [...at, index]);
  });
  const last = messages.at(-1);
  if (last !== undefined && last.role !== Role.USER && last.role !== Role.TOOL) {
    found.add(
      [...at, messages.length - 1, "role"],
      "ends the conversation: the last message is of the user or of a tool",
    );
  }
}

function checkMessage(found: Violations, message: Message, rules: CompletionRules, at: FieldPath): void {
  const allowed = PARTS_OF_ROLE[message.role];
  if (allowed === undefined || message.role === Role.UNSPECIFIED) {
    found.add(
      [...at, "role"],
      "is missing or unknown: use ROLE_SYSTEM, ROLE_USER, ROLE_ASSISTANT or ROLE_TOOL",
    );
    return;
  }
  found.require(message.parts.length > 0, [...at, "parts"], "is empty: send at least one part");
  message.parts.forEach((part, index) => {
    const path = [...at, "parts", index];
    if (part.content.case === undefined) {
      found.add(path, "has no content: set text, image, tool_call, tool_result or reasoning");
    } else if (!allowed.includes(part.content.case)) {
      found.add(path, `is a ${part.content.case}, which a message of ${Role[message.role]} cannot hold`);
    } else {
      checkPart(found, part, rules, path);
    }
  });
}

function checkPart(found: Violations, { content }: Part, rules: CompletionRules, at: FieldPath): void {
  switch (content.case) {
    case "text":
      found.require(content.value !== "", [...at, "text"], "is empty: leave the part out");
      break;
    case "image":
      checkImage(found, content.value, rules, [...at, "image"]);
      break;
    case "toolCall":
      found.require(content.value.id !== "", [...at, "tool_call", "id"], "is missing");
      found.require(TOOL_NAME.test(content.value.name), [...at, "tool_call", "name"], "is not a tool's name");
      break;
    case "toolResult":
      found.require(content.value.toolCallId !== "", [...at, "tool_result", "tool_call_id"], "is missing");
      break;
    case "reasoning":
      checkReasoning(found, content.value, [...at, "reasoning"]);
      break;
  }
}

function checkReasoning(found: Violations, { text, signature, encrypted }: Reasoning, at: FieldPath): void {
  const isReadable = text !== "" || signature !== "";
  found.require(isReadable || encrypted !== "", at, "is empty: leave the part out");
  found.require(
    !isReadable || encrypted === "",
    [...at, "encrypted"],
    "stands beside text or a signature: it is a block of its own",
  );
  requireLength(found, signature, LONGEST.reasoningSeal, [...at, "signature"]);
  requireLength(found, encrypted, LONGEST.reasoningSeal, [...at, "encrypted"]);
}

function checkImage(
  found: Violations,
  { source, mediaType }: Image,
  rules: CompletionRules,
  at: FieldPath,
): void {
  if (source.case === "data") {
    found.require(source.value.length > 0, [...at, "data"], "is empty");
    found.require(
      IMAGE_TYPES.includes(mediaType),
      [...at, "media_type"],
      `is not one of ${IMAGE_TYPES.join(", ")}`,
    );
  } else if (source.case === "url") {
    found.require(
      rules.allowImageUrls,
      [...at, "url"],
      "is refused by this server: send the bytes as data, or set MODELTIER_ALLOW_IMAGE_URLS=true",
    );
    found.require(/^https:\/\/\S+$/.test(source.value), [...at, "url"], "is not an https address");
  } else {
    found.add(at, "has no source: set data or url");
  }
}

function checkTools(found: Violations, request: CompleteRequest, at: FieldPath): void {
  const { tools, toolChoice } = request;
  const { length } = tools;
  found.require(
    length <= MOST.tools,
    [...at, "tools"],
    `has ${length} tools; at most ${MOST.tools} are taken`,
  );
  const names = new Set<string>();
  tools.forEach((tool: Tool, index) => {
    const path = [...at, "tools", index, "name"];
    found.require(TOOL_NAME.test(tool.name), path, "is not 1 to 64 letters, digits, _ or -");
    found.require(!names.has(tool.name), path, "stands twice");
    names.add(tool.name);
  });
  if (toolChoice !== undefined) checkToolChoice(found, toolChoice, names, [...at, "tool_choice"]);
}

function checkToolChoice(
  found: Violations,
  choice: ToolChoice,
  names: ReadonlySet<string>,
  at: FieldPath,
): void {
  found.require(
    ToolChoiceMode[choice.mode] !== undefined,
    [...at, "mode"],
    "is unknown: use one of ToolChoiceMode",
  );
  if (choice.mode === ToolChoiceMode.REQUIRED) {
    found.require(names.size > 0, [...at, "mode"], "requires a tool, and none is offered");
  }
  if (choice.mode === ToolChoiceMode.NAMED) {
    found.require(names.has(choice.name), [...at, "name"], "names no tool of this request");
  }
}

function checkResponseFormat(found: Violations, format: ResponseFormat, at: FieldPath): void {
  found.require(
    ResponseFormatKind[format.kind] !== undefined,
    [...at, "kind"],
    "is unknown: use one of ResponseFormatKind",
  );
  if (format.kind !== ResponseFormatKind.JSON_SCHEMA) return;
  const schema = format.jsonSchema;
  found.require(schema !== undefined, [...at, "json_schema"], "is missing: JSON_SCHEMA needs the schema");
  found.require(
    format.name === "" || TOOL_NAME.test(format.name),
    [...at, "name"],
    "is not 1 to 64 letters, digits, _ or -",
  );
}

function checkSampling(found: Violations, sampling: SamplingOptions, at: FieldPath): void {
  requireRange(found, sampling.temperature, RANGES.temperature, [...at, "temperature"]);
  requireRange(found, sampling.topP, RANGES.topP, [...at, "top_p"]);
  requireRange(found, sampling.maxOutputTokens, RANGES.maxOutputTokens, [...at, "max_output_tokens"]);
  found.require(sampling.stop.length <= MOST.stops, [...at, "stop"], `has more than ${MOST.stops} sequences`);
  sampling.stop.forEach((stop, index) => {
    found.require(stop.trim() !== "", [...at, "stop", index], "is empty or only white space");
  });
}

function checkLabels(found: Violations, labels: Readonly<Record<string, string>>, at: FieldPath): void {
  const entries = Object.entries(labels);
  const { length } = entries;
  found.require(length <= MOST.labels, at, `has ${length} labels; at most ${MOST.labels} are taken`);
  for (const [key, value] of entries) {
    requireLength(found, key, LONGEST.labelKey, at);
    requireLength(found, value, LONGEST.labelValue, [...at, key]);
  }
}
