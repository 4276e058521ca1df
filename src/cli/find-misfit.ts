/** Where JSON does not fit its message: the library names a type or a field, and not the way to it. */
import { type DescMessage, fromJson, type JsonValue } from "@bufbuild/protobuf";

/** The way to the first value that cannot be read, as in "tiers.fast.targets[0].model"; "" when it is the whole. */
export function findMisfit(desc: DescMessage, json: JsonValue): string {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return "";
  for (const [name, value] of Object.entries(json)) {
    if (fits(desc, { [name]: value })) continue;
    const field = desc.fields.find((one) => one.name === name || one.jsonName === name);
    if (field?.message === undefined) return name;
    return name + placeBelow(field.message, value);
  }
  return "";
}

function placeBelow(desc: DescMessage, value: JsonValue): string {
  const index = Array.isArray(value) ? value.findIndex((item) => !fits(desc, item)) : -1;
  const place = findMisfit(desc, Array.isArray(value) ? (value[index] ?? null) : value);
  return `${index < 0 ? "" : `[${index}]`}${place === "" ? "" : `.${place}`}`;
}

function fits(desc: DescMessage, json: JsonValue): boolean {
  try {
    fromJson(desc, json);
    return true;
  } catch {
    return false;
  }
}
