import type { ResponseFormat } from "../../providers/provider.ts";
import { TOOL_NAME } from "../../rpc/validate/bounds.ts";
import type { JsonValue } from "./json-value.ts";

const TEXT: ResponseFormat = { kind: "text" };

export function readResponseFormat(format: JsonValue): ResponseFormat {
  if (format.isAbsent) return TEXT;
  const type = format.at("type");
  switch (type.value) {
    case "text":
      return TEXT;
    case "json_object":
      return { kind: "json" };
    case "json_schema":
      return readSchema(format.at("json_schema"));
    default:
      type.wrong("is missing or unknown: use text, json_object or json_schema");
      return TEXT;
  }
}

function readSchema(format: JsonValue): ResponseFormat {
  const name = format.at("name");
  if (!TOOL_NAME.test(name.text() ?? "")) name.wrong("is not 1 to 64 letters, digits, _ or -");
  const schema = format.at("schema");
  if (schema.isAbsent) schema.wrong("is missing: json_schema needs the schema");
  const schemaJson = schema.recordJson() ?? "{}";
  const strict = format.at("strict").flag() ?? false;
  return { kind: "json_schema", name: String(name.value), schemaJson, strict };
}
