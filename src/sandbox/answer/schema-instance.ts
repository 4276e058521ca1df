/** A small valid instance of a JSON schema, for JSON answers and tool arguments. */
import { isRecord, type JsonRecord, listOf, numberOf, recordOf, stringOf } from "../json.ts";

const DEEPEST = 16;
/** From here on a recursive schema is brought to its end: no optional properties, no items, null where it may be. */
const DEEP = 4;
const MOST_VALUES = 2_000;
const TEXT = "sandbox";

/** Instances of the string formats that have a grammar; other formats are plain text. */
const FORMATS: ReadonlyMap<string, string> = new Map([
  ["date", "2026-01-31"],
  ["date-time", "2026-01-31T12:00:00Z"],
  ["time", "12:00:00Z"],
  ["duration", "PT1S"],
  ["email", "sandbox@example.com"],
  ["hostname", "example.com"],
  ["ipv4", "192.0.2.1"],
  ["ipv6", "2001:db8::1"],
  ["uri", "https://example.com/"],
  ["uuid", "00000000-0000-4000-8000-000000000000"],
]);

type Context = Readonly<{ root: unknown; depth: number; values: { count: number } }>;

/**
 * The same schema always gives the same instance: declared properties, the first alternative, one item where none is
 * demanded.
 * @param schema JSON schema; `$ref` is followed inside the document (`#/…`). Patterns are not honoured.
 * @returns null for a schema that cannot be read, that nests deeper than 16 levels or needs more than 2000 values
 */
export const instanceOf = (schema: unknown): unknown =>
  instance(schema, { root: schema, depth: 0, values: { count: 0 } });

function instance(schema: unknown, context: Context): unknown {
  if (schema === true) return TEXT;
  context.values.count++;
  if (!isRecord(schema) || context.depth > DEEPEST || context.values.count > MOST_VALUES) return null;
  const deeper = { ...context, depth: context.depth + 1 };
  if (typeof schema.$ref === "string") return instance(resolve(context.root, schema.$ref), deeper);
  if ("const" in schema) return schema.const;
  if ("default" in schema) return schema.default;
  if (Array.isArray(schema.enum)) return schema.enum[0];
  if (Array.isArray(schema.allOf)) return instance(mergeAll(schema), deeper);
  const alternative = alternativeOf(schema, context.depth);
  return alternative === undefined ? byType(schema, deeper) : instance(alternative, deeper);
}

function alternativeOf(schema: JsonRecord, depth: number): unknown {
  const alternatives = [...listOf(schema.anyOf), ...listOf(schema.oneOf)];
  const end = depth > DEEP ? alternatives.find((one) => recordOf(one).type === "null") : undefined;
  return end ?? alternatives[0];
}

function byType(schema: JsonRecord, context: Context): unknown {
  switch (typeOf(schema)) {
    case "object":
      return objectFor(schema, context);
    case "array":
      return arrayFor(schema, context);
    case "integer":
      return numberFor(schema, true);
    case "number":
      return numberFor(schema, false);
    case "boolean":
      return true;
    case "null":
      return null;
    default:
      return textFor(schema);
  }
}

function typeOf(schema: JsonRecord): string {
  const named = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (typeof named === "string") return named;
  if ("properties" in schema) return "object";
  return "items" in schema || "prefixItems" in schema ? "array" : "string";
}

/** Built from entries: a property called `__proto__` stays a property. */
function objectFor(schema: JsonRecord, context: Context): JsonRecord {
  const properties = recordOf(schema.properties);
  const declared = context.depth > DEEP ? [] : Object.keys(properties);
  const names = new Set([...declared, ...listOf(schema.required).map(stringOf)]);
  return Object.fromEntries([...names].map((name) => [name, instance(properties[name] ?? true, context)]));
}

function arrayFor(schema: JsonRecord, context: Context): readonly unknown[] {
  const prefix = listOf(schema.prefixItems).map((item) => instance(item, context));
  if (schema.items === false) return prefix;
  const wanted = numberOf(schema.minItems) ?? (context.depth > DEEP ? 0 : 1);
  const missing = Math.min(Math.max(0, wanted - prefix.length), MOST_VALUES);
  return [...prefix, ...Array.from({ length: missing }, () => instance(schema.items ?? true, context))];
}

function numberFor(schema: JsonRecord, integer: boolean): number {
  const step = numberOf(schema.multipleOf) ?? 1;
  const over = numberOf(schema.exclusiveMinimum) ?? Number.NEGATIVE_INFINITY;
  const under = numberOf(schema.exclusiveMaximum) ?? Number.POSITIVE_INFINITY;
  const lowest = numberOf(schema.minimum) ?? Number.NEGATIVE_INFINITY;
  const highest = numberOf(schema.maximum) ?? Number.POSITIVE_INFINITY;
  const fits = (value: number): boolean =>
    Number.isFinite(value) &&
    value >= lowest &&
    value <= highest &&
    value > over &&
    value < under &&
    (!integer || Number.isInteger(value)) &&
    (schema.multipleOf === undefined || Number.isInteger(value / step));
  const middle = (Math.max(lowest, over) + Math.min(highest, under)) / 2;
  const from = Math.ceil(Math.max(lowest, over) / step) * step;
  const to = Math.floor(Math.min(highest, under) / step) * step;
  return [step, 0, from, from + step, to, to - step, lowest, highest, middle].find(fits) ?? step;
}

function textFor(schema: JsonRecord): string {
  const format = FORMATS.get(stringOf(schema.format));
  if (format !== undefined) return format;
  const shortest = Math.min(numberOf(schema.minLength) ?? 0, 10_000);
  return TEXT.padEnd(shortest, ".").slice(0, numberOf(schema.maxLength));
}

function mergeAll(schema: JsonRecord): JsonRecord {
  const parts = [{ ...schema, allOf: undefined }, ...listOf(schema.allOf).map(recordOf)];
  return {
    ...Object.assign({}, ...parts),
    properties: Object.assign({}, ...parts.map(({ properties }) => recordOf(properties))),
    required: parts.flatMap(({ required }) => listOf(required)),
  };
}

function resolve(root: unknown, reference: string): unknown {
  const steps = reference.split("/").slice(1);
  return steps.reduce<unknown>(
    (at, step) => recordOf(at)[step.replaceAll("~1", "/").replaceAll("~0", "~")],
    root,
  );
}
