import { expect, it } from "vitest";
import { keyText, newKeyId, newSecret } from "../access/key-text.ts";
import { maskSecrets } from "./mask.ts";

const ours = keyText({
  keyId: newKeyId((count) => Buffer.alloc(count, 7)),
  secret: newSecret((count) => Buffer.alloc(count, 9)),
});

it.each([
  ["a key of this service", ours],
  ["a key of OpenAI's", "sk-proj-abcdEFGH1234_-abcdEFGH1234"],
  ["a key of Anthropic's", "sk-ant-api03-abcdEFGH1234abcdEFGH1234"],
  ["a key of Kimi's", "sk-abcdEFGH1234abcdEFGH1234abcdEFGH1234"],
  ["a key of Google's", `AIza${"Ab3_-".repeat(7)}`],
  ["a token of GitHub's", `ghp_${"a1B2".repeat(9)}`],
  ["a key of AWS", "AKIAIOSFODNN7EXAMPLE"],
  ["a bearer token", "Bearer eyJhbGciOi.eyJzdWIiOiIx.c2lnbmF0dXJl=="],
])("masks %s, wherever it stands in a text", (_, secret) => {
  expect(maskSecrets(secret)).toBe("[masked]");
  expect(maskSecrets(`{"key":"${secret}"}, again (${secret})\n${secret}`)).toBe(
    '{"key":"[masked]"}, again ([masked])\n[masked]',
  );
});

it.each([
  "A risk-assessment-of-the-whole-plan is due.",
  "The desk-lamp-in-the-corner-office works.",
  "mt_everest is high; the bearer of this letter may pass.",
  "sk-short",
])("leaves words as they are: %s", (text) => {
  expect(maskSecrets(text)).toBe(text);
});
