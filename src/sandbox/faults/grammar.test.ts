import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FaultGrammarError, formatFault, parseFaults, splitModelName } from "./grammar.ts";
import { definitionOf, FAULTS, type FaultName } from "./table.ts";

const NAMES = Object.keys(FAULTS) as FaultName[];

const written = fc.constantFrom(...NAMES).chain((name) => {
  const { amount, word } = definitionOf(name);
  const numbers = amount === undefined ? fc.constant("") : fc.integer({ min: 1, max: 1e6 }).map(String);
  const words =
    word === undefined
      ? fc.constant("")
      : fc.constantFrom(...(word.oneOf === "any file" ? ["a.sse"] : word.oneOf));
  return fc.tuple(numbers, words).map((values) => {
    const value = values.filter((one) => one !== "").join(":");
    return value === "" ? name : `${name}=${value}`;
  });
});

describe("the grammar of faults", () => {
  it("reads what it writes", () => {
    fc.assert(
      fc.property(fc.array(written, { minLength: 1, maxLength: 4 }), (faults) => {
        const plan = parseFaults(faults.join(","));
        expect(plan.faults.map(formatFault)).toEqual(faults);
        expect(plan.times).toBeUndefined();
      }),
    );
  });

  it("never fails but by saying what is wrong", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          parseFaults(text);
        } catch (error) {
          expect(error).toBeInstanceOf(FaultGrammarError);
        }
      }),
    );
  });

  it.each([
    ["cut", { name: "cut", amount: 5, word: "" }],
    ["error-midstream", { name: "error-midstream", amount: 5, word: "overloaded" }],
    ["error-midstream=3", { name: "error-midstream", amount: 3, word: "overloaded" }],
    ["error-midstream=3:rate-limit", { name: "error-midstream", amount: 3, word: "rate-limit" }],
    ["error-midstream=quota", { name: "error-midstream", amount: 5, word: "quota" }],
  ])("fills in the usual values of %s", (text, fault) => {
    expect(parseFaults(text).faults).toEqual([fault]);
  });

  it("reads how often a fault strikes", () => {
    expect(parseFaults("500,once").times).toBe(1);
    expect(parseFaults(" times=3 , 500 ").times).toBe(3);
  });

  it.each(["constructor", "cut=-1", "cut=5:x", "500=3", "times=x", "crlf=lf"])("refuses %s", (text) => {
    expect(() => parseFaults(text)).toThrow(FaultGrammarError);
  });

  it("takes the faults off a model's name", () => {
    expect(splitModelName("gpt-4o-mini!cut=5,once")).toEqual({
      model: "gpt-4o-mini",
      expression: "cut=5,once",
    });
    expect(splitModelName("gpt-4o-mini")).toEqual({ model: "gpt-4o-mini", expression: "" });
  });
});

describe("the table in the README", () => {
  it("names every fault with its sentence", () => {
    const text = readFileSync(new URL("../README.md", import.meta.url), "utf8");
    const rows = text.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));
    for (const name of NAMES) {
      const row = rows.find(([, fault]) => fault === `\`${name}\``);
      expect(row?.[3]).toBe(definitionOf(name).sentence);
    }
  });
});
