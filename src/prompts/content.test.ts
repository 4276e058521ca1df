import { expect, it } from "vitest";
import { Gathered } from "../completion/gathered.ts";
import { answerOf, contentOf, readContent, writeContent } from "./content.ts";

const stored = (...parameters: Parameters<typeof contentOf>) =>
  readContent(writeContent(contentOf(...parameters)));

it("keeps the whole conversation, but no picture's bytes and no seal of a provider's", () => {
  const json = writeContent(
    contentOf(
      [
        { role: "system", text: "Be brief." },
        {
          role: "user",
          parts: [
            { kind: "text", text: "What is this?" },
            { kind: "image", mediaType: "image/png", data: Buffer.from("the picture's bytes") },
            { kind: "image_url", url: "https://example.org/cat.png" },
          ],
        },
        {
          role: "assistant",
          text: "I look.",
          toolCalls: [{ id: "t1", name: "look", argumentsJson: '{"at":"cat"}' }],
          reasoning: [
            { text: "A cat?", signature: "the-seal" },
            { text: "", encrypted: "the-secret-thought" },
          ],
        },
        { role: "tool", toolCallId: "t1", text: "a cat", isError: false },
      ],
      undefined,
    ),
  );
  expect(json).not.toMatch(/the-seal|the-secret-thought|bytes|\[116,104/);
  expect(readContent(json)).toEqual({
    messages: [
      { role: "system", text: "Be brief." },
      {
        role: "user",
        parts: [
          { kind: "text", text: "What is this?" },
          { kind: "image", mediaType: "image/png" },
          { kind: "image_url", url: "https://example.org/cat.png" },
        ],
      },
      {
        role: "assistant",
        text: "I look.",
        toolCalls: [{ id: "t1", name: "look", argumentsJson: '{"at":"cat"}' }],
        reasoning: "A cat?",
      },
      { role: "tool", toolCallId: "t1", text: "a cat", isError: false },
    ],
  });
});

it("masks secrets in every text, also behind the end of a line", () => {
  const secret = "sk-abcdEFGH1234abcdEFGH1234";
  const { messages, answer } = stored(
    [
      { role: "system", text: `Your key:\n${secret}` },
      {
        role: "tool",
        toolCallId: "t",
        text: JSON.stringify({ authorization: `Bearer ${secret}` }),
        isError: true,
      },
    ],
    {
      text: secret,
      reasoning: secret,
      refusal: "",
      toolCalls: [{ id: "1", name: "call", argumentsJson: `{"key":"${secret}"}` }],
      isWhole: true,
    },
  );
  expect(JSON.stringify([messages, answer])).not.toContain(secret);
  expect(messages[0]).toEqual({ role: "system", text: "Your key:\n[masked]" });
  expect(answer?.toolCalls[0]?.argumentsJson).toBe('{"key":"[masked]"}');
});

it("has no answer where nothing of one came, and says when one is not whole", () => {
  const gathered = new Gathered();
  expect(answerOf(gathered.answer, false)).toBeUndefined();
  gathered.add({ kind: "text", text: "forgotten" });
  gathered.add({ kind: "reset", attempt: 1 });
  gathered.add({ kind: "text", text: "the beg" });
  gathered.add({ kind: "text", text: "inning" });
  expect(answerOf(gathered.answer, false)).toMatchObject({ text: "the beginning", isWhole: false });
  expect(answerOf(new Gathered().answer, true)).toMatchObject({ text: "", isWhole: true });
});
