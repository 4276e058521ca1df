import { Buffer } from "node:buffer";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  CONDITION_WORDS,
  codePoints,
  countConditionWords,
  countReferences,
  utf8Bytes,
} from "./text-signals.ts";

const anyText = fc.string({ unit: "binary" });

describe("the length of a text", () => {
  it("counts what a reader counts as one character once, and lone surrogates too", () => {
    expect(codePoints("")).toBe(0);
    expect(codePoints("größe")).toBe(5);
    expect(codePoints("你好")).toBe(2);
    expect(codePoints("a😀b")).toBe(3);
    expect(codePoints("\ud83d")).toBe(1);
    expect(codePoints("a\ude00")).toBe(2);
    expect(codePoints("\ude00\ud83d\ud83d\ude00")).toBe(3);
  });

  it("is what iterating over the text gives, and its size what UTF-8 takes", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(codePoints(text)).toBe([...text].length);
        expect(utf8Bytes(text)).toBe(Buffer.from(text, "utf8").length);
      }),
    );
  });
});

describe("references in a text", () => {
  it.each([
    ["", 0],
    ["no braces", 0],
    ["Dear {{ customer.name }},", 1],
    ["{{a}}{{b}} {{ c }}", 3],
    ["{{{raw}}}", 1],
    ["{{ }} and {{}}", 0],
    ["{{ one\n  line later }}", 1],
    ["{{ never closed", 0],
    ["never opened }}", 0],
    ["{ { a } }", 0],
    ["{{ a {{ b }}", 1],
    ['{"to":"{{ user.mail }}","nested":{"a":{"b":1}}}', 1],
  ])("%j holds %d", (text, count) => {
    expect(countReferences(text)).toBe(count);
  });

  it("add up over texts that are joined by a blank", () => {
    const closed = fc
      .array(fc.constantFrom("{{ x }}", "word", "{{ y.z }}", "{ }"))
      .map((parts) => parts.join(" "));
    fc.assert(
      fc.property(closed, closed, (one, other) => {
        expect(countReferences(`${one} ${other}`)).toBe(countReferences(one) + countReferences(other));
      }),
    );
  });
});

describe("conditions in a text", () => {
  it.each([
    ["If the total is above 100, send it", 1],
    ["IF a THEN b, unless c", 2],
    ["decide whether to stop; wait until it ends", 2],
    ["when, whenever and while", 3],
    ["if (a) { } else if (b) { } else { }", 2],
    ["gift, iffy, notify, if_set, elif2, swhen", 0],
    ["“if” — unless…", 2],
    ["«if» ·unless\u00a0when", 3],
    ["「if」", 1],
    ["naïf, été, çif, ifé", 0],
    ["otherwise, else", 0],
    ["i", 0],
    ["if", 1],
    ["", 0],
  ])("%j holds %d", (text, count) => {
    expect(countConditionWords(text)).toBe(count);
  });

  it("counts every word of the list, in any case", () => {
    for (const word of CONDITION_WORDS) {
      expect(countConditionWords(`x ${word} y`)).toBe(1);
      expect(countConditionWords(word.toUpperCase())).toBe(1);
    }
  });

  it("agrees with splitting plain text into its words", () => {
    const piece = fc.oneof(
      fc.constantFrom(...CONDITION_WORDS, "If", "WHEN"),
      fc.string({ unit: "grapheme-ascii" }),
    );
    const asWords = (text: string): number =>
      text.split(/[^0-9A-Za-z_]+/).filter((word) => CONDITION_WORDS.some((one) => one === word.toLowerCase()))
        .length;
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const text = pieces.join(" ");
        expect(countConditionWords(text)).toBe(asWords(text));
      }),
    );
  });
});
