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
  type ToolCall,
  type ToolChoice,
  ToolChoiceMode,
} from "../../../gen/modeltier/v1/completion_pb.js";
import { IMAGE_TYPES, LONGEST, MOST, RANGES, TOOL_NAME } from "./bounds.ts";
import { checkRoute } from "./route.ts";
import { type FieldPath, Place, requireLength, requireRange, Violations } from "./violations.ts";

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
  const { responseFormat, sampling } = request;
  checkRouting(found, request, at);
  checkMessages(found, request.messages, rules, new Place(at, "messages"));
  checkTools(found, request, at);
  if (responseFormat !== undefined) {
    checkResponseFormat(found, responseFormat, new Place(at, "response_format"));
  }
  if (sampling !== undefined) checkSampling(found, sampling, new Place(at, "sampling"));
  found.require(
    Delivery[request.delivery] !== undefined,
    at,
    "is not a delivery: use DELIVERY_LIVE or DELIVERY_ASSURED",
    "delivery",
  );
  checkLabels(found, request.labels, new Place(at, "labels"));
  requireLength(found, request.idempotencyKey, LONGEST.idempotencyKey, at, "idempotency_key");
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
  if (routing.case === "route") checkRoute(found, routing.value, new Place(at, "route"));
  else if (routing.case === undefined) found.add(at, "is missing: say at least route {}", "route");
  else if (sampling !== undefined) checkUndecided(found, sampling, new Place(at, "sampling"));
}

/** With a token these two have been decided, and what was shown is what runs. */
function checkUndecided(found: Violations, sampling: SamplingOptions, at: Place): void {
  const isDecided = "was decided by Route: leave it out, or send route in place of the token";
  found.require(sampling.temperature === undefined, at, isDecided, "temperature");
  found.require(sampling.maxOutputTokens === undefined, at, isDecided, "max_output_tokens");
}

function checkMessages(
  found: Violations,
  messages: readonly Message[],
  rules: CompletionRules,
  at: Place,
): void {
  found.require(messages.length > 0, at, "is empty: send at least one message of the user");
  messages.forEach((message, index) => {
    checkMessage(found, message, rules, new Place(at, index));
  });
  const last = messages.at(-1);
  if (last !== undefined && last.role !== Role.USER && last.role !== Role.TOOL) {
    found.add(
      new Place(at, messages.length - 1),
      "ends the conversation: the last message is of the user or of a tool",
      "role",
    );
  }
}

function checkMessage(found: Violations, message: Message, rules: CompletionRules, at: Place): void {
  const allowed = PARTS_OF_ROLE[message.role];
  if (allowed === undefined || message.role === Role.UNSPECIFIED) {
    found.add(at, "is missing or unknown: use ROLE_SYSTEM, ROLE_USER, ROLE_ASSISTANT or ROLE_TOOL", "role");
    return;
  }
  const parts = new Place(at, "parts");
  found.require(message.parts.length > 0, parts, "is empty: send at least one part");
  message.parts.forEach((part, index) => {
    const place = new Place(parts, index);
    if (part.content.case === undefined) {
      found.add(place, "has no content: set text, image, tool_call, tool_result or reasoning");
    } else if (!allowed.includes(part.content.case)) {
      found.add(place, `is a ${part.content.case}, which a message of ${Role[message.role]} cannot hold`);
    } else {
      checkPart(found, part, rules, place);
    }
  });
}

function checkPart(found: Violations, { content }: Part, rules: CompletionRules, at: Place): void {
  switch (content.case) {
    case "text":
      found.require(content.value !== "", at, "is empty: leave the part out", "text");
      break;
    case "image":
      checkImage(found, content.value, rules, new Place(at, "image"));
      break;
    case "toolCall":
      checkToolCall(found, content.value, new Place(at, "tool_call"));
      break;
    case "toolResult":
      found.require(
        content.value.toolCallId !== "",
        new Place(at, "tool_result"),
        "is missing",
        "tool_call_id",
      );
      break;
    case "reasoning":
      checkReasoning(found, content.value, new Place(at, "reasoning"));
      break;
  }
}

function checkToolCall(found: Violations, { id, name }: ToolCall, at: Place): void {
  found.require(id !== "", at, "is missing", "id");
  found.require(TOOL_NAME.test(name), at, "is not a tool's name", "name");
}

function checkReasoning(found: Violations, { text, signature, encrypted }: Reasoning, at: Place): void {
  const isReadable = text !== "" || signature !== "";
  found.require(isReadable || encrypted !== "", at, "is empty: leave the part out");
  found.require(
    !isReadable || encrypted === "",
    at,
    "stands beside text or a signature: it is a block of its own",
    "encrypted",
  );
  requireLength(found, signature, LONGEST.reasoningSeal, at, "signature");
  requireLength(found, encrypted, LONGEST.reasoningSeal, at, "encrypted");
}

const NO_IMAGE_TYPE = `is not one of ${IMAGE_TYPES.join(", ")}`;
const NO_IMAGE_URLS =
  "is refused by this server: send the bytes as data, or set MODELTIER_ALLOW_IMAGE_URLS=true";

function checkImage(
  found: Violations,
  { source, mediaType }: Image,
  { allowImageUrls }: CompletionRules,
  at: Place,
): void {
  if (source.case === "data") {
    found.require(source.value.length > 0, at, "is empty", "data");
    found.require(IMAGE_TYPES.includes(mediaType), at, NO_IMAGE_TYPE, "media_type");
  } else if (source.case === "url") {
    found.require(allowImageUrls, at, NO_IMAGE_URLS, "url");
    found.require(/^https:\/\/\S+$/.test(source.value), at, "is not an https address", "url");
  } else {
    found.add(at, "has no source: set data or url");
  }
}

function checkTools(found: Violations, request: CompleteRequest, at: FieldPath): void {
  const { tools, toolChoice } = request;
  const { length } = tools;
  if (length > MOST.tools) found.add(at, `has ${length} tools; at most ${MOST.tools} are taken`, "tools");
  const names = new Set<string>();
  tools.forEach((tool: Tool, index) => {
    const place = new Place(new Place(at, "tools"), index);
    found.require(TOOL_NAME.test(tool.name), place, "is not 1 to 64 letters, digits, _ or -", "name");
    found.require(!names.has(tool.name), place, "stands twice", "name");
    names.add(tool.name);
  });
  if (toolChoice !== undefined) checkToolChoice(found, toolChoice, names, new Place(at, "tool_choice"));
}

function checkToolChoice(
  found: Violations,
  { mode, name }: ToolChoice,
  names: ReadonlySet<string>,
  at: Place,
): void {
  found.require(ToolChoiceMode[mode] !== undefined, at, "is unknown: use one of ToolChoiceMode", "mode");
  if (mode === ToolChoiceMode.REQUIRED) {
    found.require(names.size > 0, at, "requires a tool, and none is offered", "mode");
  }
  if (mode === ToolChoiceMode.NAMED) {
    found.require(names.has(name), at, "names no tool of this request", "name");
  }
}

function checkResponseFormat(found: Violations, { kind, jsonSchema, name }: ResponseFormat, at: Place): void {
  const isKnown = ResponseFormatKind[kind] !== undefined;
  found.require(isKnown, at, "is unknown: use one of ResponseFormatKind", "kind");
  if (kind !== ResponseFormatKind.JSON_SCHEMA) return;
  found.require(jsonSchema !== undefined, at, "is missing: JSON_SCHEMA needs the schema", "json_schema");
  const isName = name === "" || TOOL_NAME.test(name);
  found.require(isName, at, "is not 1 to 64 letters, digits, _ or -", "name");
}

const TOO_MANY_STOPS = `has more than ${MOST.stops} sequences`;

function checkSampling(found: Violations, sampling: SamplingOptions, at: Place): void {
  const { stop } = sampling;
  requireRange(found, sampling.temperature, RANGES.temperature, at, "temperature");
  requireRange(found, sampling.topP, RANGES.topP, at, "top_p");
  requireRange(found, sampling.maxOutputTokens, RANGES.maxOutputTokens, at, "max_output_tokens");
  found.require(stop.length <= MOST.stops, at, TOO_MANY_STOPS, "stop");
  stop.forEach((text, index) => {
    if (text.trim() === "") {
      found.add(new Place(new Place(at, "stop"), index), "is empty or only white space");
    }
  });
}

function checkLabels(found: Violations, labels: Readonly<Record<string, string>>, at: Place): void {
  const entries = Object.entries(labels);
  const { length } = entries;
  if (length > MOST.labels) found.add(at, `has ${length} labels; at most ${MOST.labels} are taken`);
  for (const [key, value] of entries) {
    requireLength(found, key, LONGEST.labelKey, at);
    requireLength(found, value, LONGEST.labelValue, at, key);
  }
}
