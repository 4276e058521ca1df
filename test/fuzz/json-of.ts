/** JSON of a message at random, from its descriptor: right in every type, though not in every value. */
import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import fc from "fast-check";

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

const DEEPEST = 5;
const WORDS = [
  "fuzz",
  "",
  "openai",
  "gpt-4o",
  "openai/gpt-4o-mini",
  "default",
  "2026-01-01",
  "24h",
  "a".repeat(300),
];
const UUID = "01a2190a-98ad-71e8-953f-75ea3d5f4fc7";

const text = fc.constantFrom(...WORDS, UUID);
const whole = fc.constantFrom(0, 1, 2, 100, -1, 2 ** 31 - 1);
const long = fc.constantFrom("0", "1", "1000000", "-1", "9007199254740993", "9223372036854775807");
const fraction = fc.constantFrom(0, 0.5, 1, 3, 6.5, 10, -1, 1e300);
const bytes = fc.constantFrom("", "AAAA", "aGVsbG8=", "_-8");

const SCALARS: Readonly<Partial<Record<ScalarType, fc.Arbitrary<Json>>>> = {
  [ScalarType.STRING]: text,
  [ScalarType.BOOL]: fc.boolean(),
  [ScalarType.BYTES]: bytes,
  [ScalarType.DOUBLE]: fraction,
  [ScalarType.FLOAT]: fraction,
  [ScalarType.INT64]: long,
  [ScalarType.UINT64]: long,
  [ScalarType.SINT64]: long,
};
const scalarOf = (scalar: ScalarType): fc.Arbitrary<Json> => SCALARS[scalar] ?? whole;

/** Types whose JSON is not that of their fields. */
const WELL_KNOWN: Readonly<Record<string, fc.Arbitrary<Json>>> = {
  "google.protobuf.Duration": fc.constantFrom("1s", "0.25s", "0s", "-1s", "315576000000s"),
  "google.protobuf.Timestamp": fc.constantFrom(
    "2026-11-01T00:00:00Z",
    "1970-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
  ),
  "google.protobuf.Struct": fc.constantFrom<Json>({}, { a: [1, { b: null }] }),
  "google.protobuf.Value": fc.constantFrom<Json>(null, 1, "a", [], { a: 1 }),
  "google.protobuf.ListValue": fc.constantFrom<Json>([], [1, "a"]),
};

/** @param good JSON of messages that chance would not make right, by type: three of four are that */
export function jsonOf(
  desc: DescMessage,
  good: Readonly<Record<string, Json>>,
  depth = 0,
): fc.Arbitrary<Json> {
  const known = WELL_KNOWN[desc.typeName];
  if (known !== undefined) return known;
  const right = good[desc.typeName];
  const anyOf = messageJson(desc, good, depth);
  if (right === undefined) return anyOf;
  return fc.oneof({ weight: 3, arbitrary: fc.constant(right) }, { weight: 1, arbitrary: anyOf });
}

function messageJson(
  desc: DescMessage,
  good: Readonly<Record<string, Json>>,
  depth: number,
): fc.Arbitrary<Json> {
  const fields = desc.fields.filter((field) => depth < DEEPEST || messageOf(field) === undefined);
  const present = fields.map((field) =>
    fc.tuple(fc.integer({ min: 0, max: 9 }), fieldJson(field, good, depth)).map(([draw, value]) => ({
      field,
      draw,
      value,
    })),
  );
  return fc.tuple(...present).map((drawn) => {
    const taken = new Set<unknown>();
    const json: { [name: string]: Json } = {};
    for (const { field, draw, value } of drawn.toSorted((a, b) => a.draw - b.draw)) {
      if (draw > 6 || taken.has(field.oneof)) continue;
      if (field.oneof !== undefined) taken.add(field.oneof);
      json[draw === 0 ? field.name : field.jsonName] = value;
    }
    return json;
  });
}

function fieldJson(
  field: DescField,
  good: Readonly<Record<string, Json>>,
  depth: number,
): fc.Arbitrary<Json> {
  const single = elementOf(field, good, depth);
  if (field.fieldKind === "list") return fc.array(single, { maxLength: 3, size: "max" });
  if (field.fieldKind !== "map") return single;
  const key = field.mapKey === ScalarType.STRING ? text : fc.constantFrom("0", "1", "true");
  return fc
    .array(fc.tuple(key, single), { maxLength: 2, size: "max" })
    .map((entries) => Object.fromEntries(entries));
}

function elementOf(
  field: DescField,
  good: Readonly<Record<string, Json>>,
  depth: number,
): fc.Arbitrary<Json> {
  const message = messageOf(field);
  if (message !== undefined) return jsonOf(message, good, depth + 1);
  if (field.enum !== undefined) return fc.constantFrom(...field.enum.values.map(({ name }) => name));
  return scalarOf(field.scalar as ScalarType);
}

const messageOf = (field: DescField): DescMessage | undefined => field.message;
