/** The conversation, as agents send it, in the engine's words. */
import type { ChatMessage, ToolCall, UserPart } from "../../providers/provider.ts";
import { TOOL_NAME } from "../../rpc/validate/bounds.ts";
import { unsupportedParameter } from "../api-error.ts";
import { type ImageRules, readImage } from "./image.ts";
import type { JsonValue } from "./json-value.ts";
import { nameOf } from "./names.ts";
import { readReasoning } from "./reasoning.ts";

type Reader = (message: JsonValue, rules: ImageRules) => ChatMessage | undefined;

const BY_ROLE: Readonly<Record<string, Reader>> = {
  system: readSystem,
  developer: readSystem,
  user: readUser,
  assistant: readAssistant,
  tool: readTool,
};

/** What is wrong with them is noted. @throws ApiError unsupported_parameter */
export function readMessages(messages: JsonValue, rules: ImageRules): readonly ChatMessage[] {
  if (messages.isAbsent) messages.wrong("is missing: send at least one message of the user");
  const items = messages.items();
  const read = items.flatMap((message) => readMessage(message, rules) ?? []);
  const last = items.findLast((message) => !isSystem(message));
  if (!messages.isAbsent && last === undefined) messages.wrong("has no message of the user");
  else if (last?.at("role").value === "assistant") {
    last.at("role").wrong("ends the conversation: the last message is of the user or of a tool");
  }
  return read;
}

function readMessage(message: JsonValue, rules: ImageRules): ChatMessage | undefined {
  const role = message.at("role");
  if (role.value === "function") throw unsupportedParameter(nameOf(role), "use the role tool");
  const read =
    typeof role.value === "string" && Object.hasOwn(BY_ROLE, role.value) ? BY_ROLE[role.value] : undefined;
  return read === undefined
    ? role.wrong(`is missing or unknown: use ${Object.keys(BY_ROLE).join(", ")}`)
    : read(message, rules);
}

const isSystem = (message: JsonValue): boolean => {
  const role = message.at("role").value;
  return role === "system" || role === "developer";
};

/** None when it says nothing. */
function readSystem(message: JsonValue): ChatMessage | undefined {
  const text = readText(message.at("content"), ["text"]);
  return text === "" ? undefined : { role: "system", text };
}

function readUser(message: JsonValue, rules: ImageRules): ChatMessage {
  const content = message.at("content");
  const parts =
    typeof content.value === "string"
      ? textParts(content.value)
      : content.items().flatMap((part) => readUserPart(part, rules));
  if (parts.length === 0) content.wrong("is empty: a message of the user says something");
  return { role: "user", parts };
}

function readUserPart(part: JsonValue, rules: ImageRules): readonly UserPart[] {
  const type = part.at("type");
  switch (type.value) {
    case "text":
      return textParts(part.at("text").text() ?? "");
    case "image_url":
      return readImage(part.at("image_url").at("url"), rules);
    case "input_audio":
    case "file":
      throw unsupportedParameter(nameOf(type), "send text or images");
    default:
      type.wrong("is missing or unknown: use text or image_url");
      return [];
  }
}

const textParts = (text: string): readonly UserPart[] => (text === "" ? [] : [{ kind: "text", text }]);

/** A refusal of an earlier answer is what the model said then. */
function readAssistant(message: JsonValue): ChatMessage {
  for (const name of ["function_call", "audio"]) {
    const field = message.at(name);
    if (!field.isAbsent) throw unsupportedParameter(nameOf(field), "send content or tool_calls");
  }
  const content = readText(message.at("content"), ["text", "refusal"]);
  const text = content === "" ? (message.at("refusal").text() ?? "") : content;
  const reasoning = readReasoning(message);
  return {
    role: "assistant",
    text,
    toolCalls: message.at("tool_calls").items().map(readToolCall),
    ...(reasoning.length > 0 && { reasoning }),
  };
}

function readToolCall(call: JsonValue): ToolCall {
  const type = call.at("type");
  if (type.value === "custom") throw unsupportedParameter(nameOf(type), "use functions");
  const id = call.at("id").text() ?? "";
  if (id === "") call.at("id").wrong("is missing");
  const name = call.at("function").at("name");
  if (!TOOL_NAME.test(name.text() ?? "")) name.wrong("is not a tool's name");
  const argumentsJson = call.at("function").at("arguments").text() ?? "";
  return { id, name: String(name.value), argumentsJson };
}

function readTool(message: JsonValue): ChatMessage {
  const toolCallId = message.at("tool_call_id").text() ?? "";
  if (toolCallId === "") message.at("tool_call_id").wrong("is missing");
  return { role: "tool", toolCallId, text: readText(message.at("content"), ["text"]), isError: false };
}

/** A string, or parts whose texts are joined. @param types of part, each with its text under its own name */
function readText(content: JsonValue, types: readonly string[]): string {
  if (typeof content.value === "string") return content.value;
  return content
    .items()
    .map((part) => readTextPart(part, types))
    .join("");
}

function readTextPart(part: JsonValue, types: readonly string[]): string {
  const type = part.at("type");
  if (typeof type.value === "string" && types.includes(type.value)) return part.at(type.value).text() ?? "";
  type.wrong(`is not one that this message can hold: use ${types.join(" or ")}`);
  return "";
}
