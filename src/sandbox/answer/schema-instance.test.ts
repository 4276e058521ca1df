import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { instanceOf } from "./schema-instance.ts";

const CASES: readonly [string, unknown, unknown][] = [
  [
    "every declared property",
    { type: "object", properties: { a: { type: "string" }, b: { type: "boolean" }, c: { type: "null" } } },
    { a: "sandbox", b: true, c: null },
  ],
  ["required properties that nobody declared", { type: "object", required: ["x"] }, { x: "sandbox" }],
  [
    "a const, a default and the first of an enum",
    { prefixItems: [{ const: 7 }, { default: [] }, { enum: ["b", "a"] }], items: false },
    [7, [], "b"],
  ],
  ["as many items as demanded", { type: "array", items: { type: "integer" }, minItems: 3 }, [1, 1, 1]],
  [
    "one item when none is demanded",
    { type: "array", items: { type: "string", format: "date" } },
    ["2026-01-31"],
  ],
  ["the first alternative", { anyOf: [{ type: "integer", minimum: 9 }, { type: "string" }] }, 9],
  [
    "all parts of an allOf",
    { allOf: [{ type: "object", properties: { a: { const: 1 } } }, { properties: { b: { const: 2 } } }] },
    { a: 1, b: 2 },
  ],
  ["what a reference points to", { $ref: "#/$defs/x~1y", $defs: { "x/y": { const: "found" } } }, "found"],
  ["the first of several types", { type: ["integer", "null"] }, 1],
  ["text between its lengths", { type: "string", minLength: 9, maxLength: 9 }, "sandbox.."],
  ["short text", { type: "string", maxLength: 3 }, "san"],
  [
    "a property called __proto__",
    JSON.parse('{"type":"object","properties":{"__proto__":{"const":1}}}'),
    JSON.parse('{"__proto__":1}'),
  ],
  ["nothing for what is no schema", "string", null],
];

const withinBounds = fc
  .record({
    minimum: fc.option(fc.integer({ min: -50, max: 50 }), { nil: undefined }),
    width: fc.option(fc.integer({ min: 10, max: 40 }), { nil: undefined }),
    multipleOf: fc.option(fc.integer({ min: 1, max: 10 }), { nil: undefined }),
  })
  .map(({ minimum, width, multipleOf }) => ({
    type: "integer",
    minimum,
    maximum: width === undefined ? undefined : (minimum ?? 0) + width,
    multipleOf,
  }));

describe("an instance of a JSON schema", () => {
  it.each(CASES)("has %s", (_what, schema, expected) => {
    expect(instanceOf(schema)).toEqual(expected);
  });

  it("has integers within their bounds and steps", () => {
    fc.assert(
      fc.property(withinBounds, (schema) => {
        const value = instanceOf(schema);
        expect(Number.isInteger(value)).toBe(true);
        const number = Number(value);
        expect(number).toBeGreaterThanOrEqual(schema.minimum ?? Number.NEGATIVE_INFINITY);
        expect(number).toBeLessThanOrEqual(schema.maximum ?? Number.POSITIVE_INFINITY);
        expect(number % (schema.multipleOf ?? 1)).toBeCloseTo(0);
      }),
    );
  });

  it.each([
    [{ type: "number", exclusiveMinimum: 0, exclusiveMaximum: 1 }, 0.5],
    [{ type: "integer", exclusiveMinimum: 4 }, 5],
    [{ type: "number", maximum: -2.5 }, -3],
  ])("keeps %j", (schema, expected) => {
    expect(instanceOf(schema)).toBe(expected);
  });

  it("comes to an end when the schema refers to itself", () => {
    const tree = {
      $defs: {
        node: {
          type: "object",
          properties: {
            name: { type: "string" },
            left: { anyOf: [{ $ref: "#/$defs/node" }, { type: "null" }] },
            children: { type: "array", items: { $ref: "#/$defs/node" } },
          },
          required: ["name", "left", "children"],
        },
      },
      $ref: "#/$defs/node",
    };
    const text = JSON.stringify(instanceOf(tree));
    expect(text.length).toBeLessThan(10_000);
    expect(text).toContain('"left":null');
    expect(text).toContain('"children":[]');
  });

  it("gives up on a schema without an end", () => {
    const endless = {
      $defs: {
        a: {
          type: "object",
          required: ["x", "y"],
          properties: { x: { $ref: "#/$defs/a" }, y: { $ref: "#/$defs/a" } },
        },
      },
      $ref: "#/$defs/a",
    };
    expect(JSON.stringify(instanceOf(endless)).length).toBeLessThan(50_000);
  });
});
