import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { PromptSeal, SealingKeyMissingError } from "./seal.ts";

const key = Buffer.alloc(32, 1);
const newKey = Buffer.alloc(32, 2);
const mine = { executionId: "execution-1", keyId: "caller-1" };
const TEXT = "the prompt, with ünïcödé and \u0000";

const sealWith = (one: Buffer, oldKeys: readonly Buffer[] = []) =>
  new PromptSeal({ key: one, oldKeys, randomBytes });

it("opens what it closed, and shows nothing of it", () => {
  const seal = sealWith(key);
  const { sealed, sealingKeyId } = seal.close(TEXT, mine);
  expect(sealed.includes("prompt")).toBe(false);
  expect(seal.open(sealed, sealingKeyId, mine)).toBe(TEXT);
});

it("makes other bytes of the same text each time", () => {
  const seal = sealWith(key);
  expect(seal.close(TEXT, mine).sealed.equals(seal.close(TEXT, mine).sealed)).toBe(false);
});

it("takes its randomness as it is given", () => {
  const seal = new PromptSeal({ key, oldKeys: [], randomBytes: (count) => Buffer.alloc(count, 5) });
  expect(seal.close(TEXT, mine).sealed.subarray(1, 13)).toEqual(Buffer.alloc(12, 5));
});

it.each([
  ["another execution", { ...mine, executionId: "execution-2" }],
  ["another caller's key", { ...mine, keyId: "caller-2" }],
  ["names cut in another place", { executionId: 'execution-1","caller-1', keyId: "" }],
])("does not open beside %s", (_, other) => {
  const seal = sealWith(key);
  const { sealed, sealingKeyId } = seal.close(TEXT, mine);
  expect(() => seal.open(sealed, sealingKeyId, other)).toThrow();
});

it("does not open when a single byte was changed, or the end is missing", () => {
  const seal = sealWith(key);
  const { sealed, sealingKeyId } = seal.close("short", mine);
  for (let at = 0; at < sealed.length; at += 1) {
    const changed = Buffer.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(() => seal.open(changed, sealingKeyId, mine), `byte ${at}`).toThrow();
    expect(() => seal.open(sealed.subarray(0, at), sealingKeyId, mine), `cut at ${at}`).toThrow();
  }
});

it("opens with an old key what was closed with it, and closes with the new one", () => {
  const { sealed, sealingKeyId } = sealWith(key).close(TEXT, mine);
  const rotated = sealWith(newKey, [key]);
  expect(rotated.open(sealed, sealingKeyId, mine)).toBe(TEXT);
  expect(rotated.close(TEXT, mine).sealingKeyId).not.toBe(sealingKeyId);
});

it("says which key is missing, and nothing of the text", () => {
  const { sealed, sealingKeyId } = sealWith(key).close(TEXT, mine);
  const open = () => sealWith(newKey).open(sealed, sealingKeyId, mine);
  expect(open).toThrow(SealingKeyMissingError);
  expect(open).toThrow(sealingKeyId);
});
