/** Requests come from callers: whatever they send, a score comes out, and its work is bounded. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { calibratedScore } from "./calibrated.ts";
import { excerptOf, MOST_FROM_END, MOST_FROM_START } from "./excerpt.ts";
import { FEATURES, featuresOf } from "./features.ts";
import type { ScorableRequest } from "./types.ts";

const MEGABYTE = 1 << 20;
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 400 }),
  fc.string({ unit: "grapheme", maxLength: 400 }),
  // Any UTF-16 at all, surrogates that stand alone among them.
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 300 })
    .map((codes) => String.fromCharCode(...codes)),
  fc
    .constantFrom(
      "(",
      "'",
      '"',
      "A) ",
      "\n- ",
      "1. ",
      "{{",
      "of ",
      "\ud800",
      "é",
      "汉",
      "م",
      "0",
      "   ",
      "x = ",
      "?",
      "\u0000",
    )
    .chain((unit) => fc.integer({ min: 0, max: 4_000 }).map((times) => unit.repeat(times))),
);
const request: fc.Arbitrary<ScorableRequest> = fc.record(
  {
    texts: fc.array(text, { maxLength: 8 }),
    tools: fc.array(fc.record({ name: text, description: text, parametersJson: text }), { maxLength: 4 }),
    attachments: fc.record({ count: fc.nat(), bytes: fc.nat() }),
    messages: fc.nat(),
  },
  { requiredKeys: ["texts"] },
);

function expectSound(request: ScorableRequest) {
  const { score, difficulty, benefit, familiarity, contributions } = calibratedScore(request);
  const within = (value: number, least: number, most: number) => value >= least && value <= most;
  expect(within(score, 0, 10), `score ${score}`).toBe(true);
  expect(within(difficulty, 0, 1), `difficulty ${difficulty}`).toBe(true);
  expect(within(benefit, -1, 1), `benefit ${benefit}`).toBe(true);
  expect(within(familiarity, 0, 1), `familiarity ${familiarity}`).toBe(true);
  const sum = contributions.reduce((all, { points }) => all + points, 0);
  expect(Math.abs(sum - score)).toBeLessThan(1e-9);
}

it("gives any request a score in 0 to 10 whose contributions sum to it", () => {
  fc.assert(fc.property(request, expectSound), { numRuns: 300 });
});

it("has a finite number for every feature", () => {
  fc.assert(
    fc.property(request, (request) => {
      const { values } = featuresOf(request);
      expect(values.length).toBe(FEATURES.length);
      expect(values.every(Number.isFinite)).toBe(true);
    }),
    { numRuns: 200 },
  );
});

it("gives the same request the same score", () => {
  fc.assert(
    fc.property(request, (request) => {
      expect(calibratedScore(request)).toEqual(calibratedScore(request));
    }),
    {
      numRuns: 50,
    },
  );
});

it.each([
  ["one letter", "a"],
  ["spaces", " "],
  ["open brackets", "(["],
  ["quotes", "'\""],
  ["lone surrogates", "\ud800"],
  ["line breaks", "\n"],
  ["ideographs", "汉字"],
  ["numbers", "12,"],
  ["choices", "A. x\n"],
  ["code", "    if x[0] == '1': return f(x)\n"],
])("scores a megabyte of %s", (_, unit) => {
  expectSound({ texts: [unit.repeat(MEGABYTE / unit.length)] });
});

it("looks at the beginning and the end of a long text, and at nothing between", () => {
  const start = "s".repeat(MOST_FROM_START);
  const end = "e".repeat(MOST_FROM_END);
  const of = (middle: string) => calibratedScore({ texts: [start + middle + end] });
  expect(of("Prove it? ".repeat(100_000))).toEqual(of("{a: 1};\n00".repeat(100_000)));
});

it("looks at a bounded number of characters, in however many texts and tools they come", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 9_000 }), { maxLength: 200 }), (texts) => {
      const { text, characters } = excerptOf(texts);
      expect(text.length).toBeLessThanOrEqual(MOST_FROM_START + MOST_FROM_END + 64);
      expect(characters).toBe(texts.join("").length);
    }),
    { numRuns: 100 },
  );
});

it("does not look at more of the tools than it says", () => {
  const tool = (index: number, schema: string) => ({
    name: `t${index}`,
    description: "",
    parametersJson: schema,
  });
  const first = Array.from({ length: 32 }, (_, index) => tool(index, '{"type":"object"}'));
  const of = (rest: string) =>
    calibratedScore({
      texts: ["Book it"],
      tools: [...first, ...Array.from({ length: 968 }, () => tool(99, rest))],
    });
  expect(of('{"type":"string"}')).toEqual(of('"enum"'.repeat(10_000)));
});
