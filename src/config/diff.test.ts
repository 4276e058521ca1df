import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { diffJson, type Json } from "./diff.ts";

describe("a diff", () => {
  it("names each field that differs, in order, with both values", () => {
    const before = { a: 1, tiers: { fast: { targets: [{ model: "x" }, { model: "y" }] } } };
    const after = { a: 2, tiers: { fast: { targets: [{ model: "z" }, { model: "y" }, { model: "w" }] } } };
    expect(diffJson(before, after)).toEqual([
      { path: "a", before: 1, after: 2 },
      { path: "tiers.fast.targets[0].model", before: "x", after: "z" },
      { path: "tiers.fast.targets[2]", after: { model: "w" } },
    ]);
    expect(diffJson(after, before)[2]).toEqual({ path: "tiers.fast.targets[2]", before: { model: "w" } });
  });

  it("is empty for what is equal, and only for that", () => {
    const json = fc.jsonValue() as fc.Arbitrary<Json>;
    fc.assert(
      fc.property(json, (value) => {
        expect(diffJson(value, structuredClone(value))).toEqual([]);
      }),
    );
    fc.assert(
      fc.property(json, json, (one, other) => {
        fc.pre(!isDeepStrictEqual(JSON.parse(JSON.stringify([one])), JSON.parse(JSON.stringify([other]))));
        expect(diffJson({ at: one }, { at: other })).not.toEqual([]);
      }),
    );
  });
});
