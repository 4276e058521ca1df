import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Seal } from "./seal.ts";

const SECRET = "a secret of at least thirty-two characters";
const CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ \n.é";

const problemOf = (seal: Seal, token: string): string => {
  const opened = seal.open(token);
  return opened.ok ? "" : opened.problem;
};

describe("a seal", () => {
  it("opens what it closed, whatever it says", () => {
    const seal = new Seal();
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (content) => {
        expect(seal.open(seal.close(content))).toEqual({ ok: true, content });
      }),
    );
  });

  it("never opens a token in which one character is another", () => {
    const seal = new Seal(SECRET);
    const token = seal.close('["the content"]');
    const position = fc.nat(token.length - 1);
    fc.assert(
      fc.property(position, fc.constantFrom(...CHARACTERS), (at, character) => {
        fc.pre(character !== token[at]);
        expect(seal.open(token.slice(0, at) + character + token.slice(at + 1)).ok).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });

  it("never opens a token in which one bit is another", () => {
    const seal = new Seal(SECRET);
    const bytes = Buffer.from(seal.close('["the content"]'), "base64url");
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(seal.open(changed.toString("base64url")).ok).toBe(false);
    }
  });

  it("never opens a part of a token, or a token with something added", () => {
    const seal = new Seal(SECRET);
    const token = seal.close('["the content"]');
    for (let end = 0; end < token.length; end += 1) expect(seal.open(token.slice(0, end)).ok).toBe(false);
    for (const more of ["A", "=", " ", "\n", token]) {
      expect(seal.open(token + more).ok).toBe(false);
      expect(seal.open(more + token).ok).toBe(false);
    }
  });

  it("never throws, whatever it is given", () => {
    const seal = new Seal(SECRET);
    fc.assert(fc.property(fc.string({ unit: "binary" }), (token) => !seal.open(token).ok));
    expect(problemOf(seal, "A".repeat(5_000_000))).toBe("is not a token: send it as Route gave it");
  });

  it("opens what another process closed with the same secret, and with no other", () => {
    const token = new Seal(SECRET).close("shared");
    expect(new Seal(SECRET).open(token)).toEqual({ ok: true, content: "shared" });
    expect(new Seal(`${SECRET}!`).open(token).ok).toBe(false);
    expect(new Seal().open(token).ok).toBe(false);
  });

  it("says that a token comes from another process, and what would let it through", () => {
    const token = new Seal().close("foreign");
    expect(problemOf(new Seal(), token)).toMatch(
      /issued by another process.*no MODELTIER_TOKEN_SECRET that it shares/,
    );
    expect(problemOf(new Seal(SECRET), token)).toMatch(
      /issued by another process.*its MODELTIER_TOKEN_SECRET is not the one/,
    );
  });

  it("keeps its secret to itself", () => {
    const token = Buffer.from(new Seal(SECRET).close("content"), "base64url").toString("latin1");
    expect(token).not.toContain(SECRET.slice(0, 8));
  });
});
