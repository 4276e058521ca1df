/** The reasoning of an answer goes out to the caller whole, and what of it a provider takes comes back to it as it was. */
import { describe, expect, it } from "vitest";
import { ReasoningBlocks } from "../../src/completion/reasoning-blocks.ts";
import type { ModelParameters } from "../../src/pricing/types.ts";
import type { ChatMessage, Dialect, ReasoningBlock } from "../../src/providers/provider.ts";
import { type Heard, listen, providerOf, question, textOf } from "./ask.ts";
import { getFixture } from "./fixtures.ts";
import { cut, scriptedTransport } from "./scripted-transport.ts";
import { sentBy } from "./sent-by.ts";

function blocksOf(heard: Heard): readonly ReasoningBlock[] {
  const blocks = new ReasoningBlocks();
  for (const event of heard.events) if (event.kind === "reasoning") blocks.add(event);
  return blocks.all;
}

const hear = (dialect: Dialect, body: Buffer | string, size?: number): Promise<Heard> =>
  listen(
    providerOf(
      dialect,
      scriptedTransport({
        headers: { "content-type": "text/event-stream" },
        pieces: cut(Buffer.from(body), size),
      }),
    ),
  );

const event = (type: string, fields: object): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
const block = (index: number, content_block: object, ...deltas: readonly object[]): string =>
  [
    event("content_block_start", { index, content_block }),
    ...deltas.map((delta) => event("content_block_delta", { index, delta })),
    event("content_block_stop", { index }),
  ].join("");
const answer = (...blocks: readonly string[]): string =>
  [
    event("message_start", { message: { model: "m", usage: { input_tokens: 1, output_tokens: 1 } } }),
    ...blocks,
    event("message_delta", { delta: { stop_reason: "tool_use" }, usage: { output_tokens: 9 } }),
    event("message_stop", {}),
  ].join("");

describe("what a model thought comes out", () => {
  it("of the recorded Anthropic stream with its signature, however the stream is cut", async () => {
    const { body } = getFixture("anthropic/thinking-tool-stream.sse");
    const signature = /"signature":"([^"]{40,})"/.exec(body.toString("utf8"))?.[1];
    expect(signature).toBeDefined();
    for (const size of [undefined, 64, 7]) {
      const heard = await hear("anthropic", body, size);
      expect(blocksOf(heard)).toEqual([{ text: textOf(heard, "reasoning"), signature }]);
    }
  });

  it("of the recorded Kimi stream as one block without a signature", async () => {
    const heard = await hear("kimi", getFixture("kimi/thinking-stream.sse").body);
    expect(textOf(heard, "reasoning")).not.toBe("");
    expect(blocksOf(heard)).toEqual([{ text: textOf(heard, "reasoning") }]);
  });

  it("block by block: a signature in pieces, one of thinking that is not shown, and what is encrypted", async () => {
    const heard = await hear(
      "anthropic",
      answer(
        block(
          0,
          { type: "thinking", thinking: "", signature: "" },
          { type: "thinking_delta", thinking: "Hm" },
          { type: "signature_delta", signature: "pro" },
          { type: "signature_delta", signature: "of" },
        ),
        block(
          1,
          { type: "thinking", thinking: "", signature: "" },
          { type: "signature_delta", signature: "two" },
        ),
        block(2, { type: "redacted_thinking", data: "secret" }),
        block(3, { type: "text", text: "" }, { type: "text_delta", text: "So." }),
      ),
    );
    expect(heard.error).toBeUndefined();
    expect(blocksOf(heard)).toEqual([
      { text: "Hm", signature: "proof" },
      { text: "", signature: "two" },
      { text: "", encrypted: "secret" },
    ]);
    expect(textOf(heard)).toBe("So.");
  });

  it("not without end: signatures are no output that the cap would bound", async () => {
    const piece = { type: "signature_delta", signature: "s".repeat(400_000) };
    const heard = await hear(
      "anthropic",
      answer(block(0, { type: "thinking", thinking: "", signature: "" }, piece, piece, piece)),
    );
    expect(heard.error).toMatchObject({ failure: "output_limit" });
  });
});

const REASONING: readonly ReasoningBlock[] = [
  { text: "Let me look.", signature: "proof" },
  { text: "", encrypted: "secret" },
  { text: " Unsigned." },
];
const toolCalls = [{ id: "a", name: "now", argumentsJson: "{}" }];
const loop = (
  reasoning: readonly ReasoningBlock[] | undefined,
  called = toolCalls,
): readonly ChatMessage[] => [
  { role: "user", parts: [{ kind: "text", text: "When?" }] },
  { role: "assistant", text: "", toolCalls: called, ...(reasoning && { reasoning }) },
  { role: "user", parts: [{ kind: "text", text: "Well?" }] },
];

async function returned(
  dialect: Dialect,
  reasoningBack: ModelParameters["reasoningBack"],
  messages: readonly ChatMessage[],
): Promise<unknown> {
  const parameters = { ...question().parameters, ...(reasoningBack && { reasoningBack }) };
  return (await sentBy(dialect, question({ parameters, messages }))).json.messages;
}

describe("what a model thought goes back", () => {
  it("to Anthropic as its own blocks before the rest, and none that it has not signed", async () => {
    expect(await returned("anthropic", "signed_blocks", loop(REASONING))).toHaveProperty("1.content", [
      { type: "thinking", thinking: "Let me look.", signature: "proof" },
      { type: "redacted_thinking", data: "secret" },
      { type: "tool_use", id: "a", name: "now", input: {} },
    ]);
  });

  it("to Kimi as text, without the signatures and the secrets of others", async () => {
    const messages = await returned("kimi", "reasoning_content", loop(REASONING));
    expect(messages).toHaveProperty("1.reasoning_content", "Let me look. Unsigned.");
    expect(JSON.stringify(messages)).not.toMatch(/proof|secret/);
  });

  it("to Kimi as a space where a call was made by a model whose thoughts are not known", async () => {
    for (const reasoning of [undefined, [{ text: "", encrypted: "secret" }]]) {
      const messages = await returned("kimi", "reasoning_content", loop(reasoning));
      expect(messages).toHaveProperty("1.reasoning_content", " ");
    }
    const spoken: readonly ChatMessage[] = [
      ...loop([], []),
      { role: "assistant", text: "Noon.", toolCalls: [] },
    ];
    expect(JSON.stringify(await returned("kimi", "reasoning_content", spoken))).not.toContain(
      "reasoning_content",
    );
  });

  it.each(["openai", "kimi", "anthropic"] as const)(
    "to no model of %s that the catalogue says nothing of",
    async (dialect) => {
      const messages = JSON.stringify(await returned(dialect, undefined, loop(REASONING)));
      expect(messages).not.toMatch(/Let me look|Unsigned|proof|secret|thinking|reasoning/);
    },
  );

  it.each(["signed_blocks", "reasoning_content"] as const)("never alone (%s)", async (reasoningBack) => {
    const dialect = reasoningBack === "signed_blocks" ? "anthropic" : "kimi";
    const messages = await returned(dialect, reasoningBack, loop(REASONING, []));
    expect(JSON.stringify(messages)).not.toContain("assistant");
  });
});
