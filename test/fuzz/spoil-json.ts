/** JSON with values of other types, unknown and odd names, and text that is no JSON. */
import fc from "fast-check";
import { at, flipAt, position } from "./bytes.ts";
import type { Json } from "./json-of.ts";
import { VALUES } from "./mutate.ts";

const RAW = [
  ...VALUES,
  "NaN",
  "-0",
  "1e-400",
  "123456789012345678901234567890",
  '"Infinity"',
  '"no base64!"',
  '"AAA"',
  '"ROLE_OF_NOBODY"',
  "999",
  "[[[]]]",
  "[null]",
  '{"":0}',
  '"9999-99-99T99:99:99Z"',
  '"-1s"',
  '"315576000001s"',
  '"1e9s"',
  '"\\u0000"',
  '"\\udc00\\ud800"',
  `"${"x".repeat(100_000)}"`,
  `${'{"a":'.repeat(500)}1${"}".repeat(500)}`,
];
const NAMES = [
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "no_such_field",
  "",
  "@type",
  "agent_id",
];

/** Stands for raw text until the whole is written out. */
const holder = (index: number): string => `@@raw-${index}@@`;

type Parent = Json[] | { [name: string]: Json };
type Spot = Readonly<{ parent: Parent; key: string | number }>;

function spotsIn(value: Json): readonly Spot[] {
  if (typeof value !== "object" || value === null) return [];
  const parent = value as Parent;
  const keys: (string | number)[] = Array.isArray(value)
    ? value.map((_, index) => index)
    : Object.keys(value);
  return keys.flatMap((key) => [
    { parent, key },
    ...spotsIn((parent as Record<string | number, Json>)[key] as Json),
  ]);
}

type Edit = Readonly<{ where: number; way: "replace" | "add" | "drop" | "wrap"; raw: string; name: string }>;
const edit: fc.Arbitrary<Edit> = fc.record({
  where: position,
  way: fc.constantFrom("replace", "replace", "add", "drop", "wrap"),
  raw: fc.constantFrom(...RAW),
  name: fc.constantFrom(...NAMES),
});

function apply(root: { root: Json }, { where, way, name }: Edit, index: number): void {
  const spots = spotsIn(root);
  const { parent, key } = spots[at(spots.length, where)] as Spot;
  const fields = parent as Record<string | number, Json>;
  const value = fields[key] as Json;
  if (way === "replace") fields[key] = holder(index);
  else if (way === "wrap") fields[key] = [value];
  else if (way === "drop" && key !== "root") delete fields[key];
  else if (way === "add" && typeof value === "object" && value !== null && !Array.isArray(value))
    Object.defineProperty(value, name, {
      value: holder(index),
      enumerable: true,
      configurable: true,
      writable: true,
    });
}

/** A body: most are JSON still, some are cut or struck in their text. */
export const spoiltJson = (whole: fc.Arbitrary<Json>): fc.Arbitrary<string> =>
  fc
    .tuple(
      whole,
      fc.array(edit, { maxLength: 3, size: "max" }),
      fc.integer({ min: 0, max: 19 }),
      position,
      fc.integer({ min: 1, max: 255 }),
    )
    .map(([json, edits, struck, where, bits]) => {
      const root = { root: structuredClone(json) };
      edits.forEach((one, index) => {
        apply(root, one, index);
      });
      const text = edits.reduce(
        (sofar, { raw }, index) => sofar.replace(JSON.stringify(holder(index)), () => raw),
        JSON.stringify(root.root) ?? "null",
      );
      if (struck === 0) return text.slice(0, at(text.length, where));
      if (struck > 1) return text;
      return flipAt(Buffer.from(text), at(text.length, where), bits).toString("latin1");
    });
