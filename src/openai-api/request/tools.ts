import type { ToolChoice, ToolDefinition } from "../../providers/provider.ts";
import { MOST, TOOL_NAME } from "../../rpc/validate/bounds.ts";
import { unsupportedParameter } from "../api-error.ts";
import type { JsonValue } from "./json-value.ts";
import { nameOf } from "./names.ts";

const NO_ARGUMENTS = '{"type":"object","properties":{}}';

/** What is wrong with them is noted. @throws ApiError unsupported_parameter */
export function readTools(tools: JsonValue): readonly ToolDefinition[] {
  const items = tools.items();
  if (items.length > MOST.tools) tools.wrong(`has ${items.length} tools; at most ${MOST.tools} are taken`);
  const names = new Set<string>();
  return items.map((tool) => {
    const definition = readTool(tool);
    if (names.has(definition.name)) tool.at("function").at("name").wrong("stands twice");
    names.add(definition.name);
    return definition;
  });
}

function readTool(tool: JsonValue): ToolDefinition {
  const type = tool.at("type");
  if (type.value !== "function" && typeof type.value === "string") {
    throw unsupportedParameter(nameOf(type), "use functions");
  }
  const definition = tool.at("function");
  const name = definition.at("name");
  if (!TOOL_NAME.test(name.text() ?? "")) name.wrong("is not 1 to 64 letters, digits, _ or -");
  return {
    name: String(name.value),
    description: definition.at("description").text() ?? "",
    parametersJson: definition.at("parameters").recordJson() ?? NO_ARGUMENTS,
    strict: definition.at("strict").flag() ?? false,
  };
}

/** @throws ApiError unsupported_parameter */
export function readToolChoice(choice: JsonValue, tools: readonly ToolDefinition[]): ToolChoice | undefined {
  switch (choice.value) {
    case undefined:
      return undefined;
    case "auto":
    case "none":
      return { kind: choice.value };
    case "required":
      if (tools.length === 0) choice.wrong("requires a tool, and none is offered");
      return { kind: "required" };
    default:
      return readNamedChoice(choice, tools);
  }
}

function readNamedChoice(choice: JsonValue, tools: readonly ToolDefinition[]): ToolChoice | undefined {
  const type = choice.at("type");
  if (type.value === "allowed_tools" || type.value === "custom") {
    throw unsupportedParameter(nameOf(type), "offer only the tools that may be called, as functions");
  }
  if (type.value !== "function") return choice.wrong("is not auto, none, required or a function by name");
  const name = choice.at("function").at("name");
  if (!tools.some((tool) => tool.name === name.value)) name.wrong("names no tool of this request");
  return { kind: "tool", name: String(name.value) };
}
