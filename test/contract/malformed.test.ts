import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import type { CompletionEvent } from "../../src/providers/provider.ts";
import { finishOf, type Heard, textOf, toolCallsOf } from "./ask.ts";
import { WHOLE_STREAMS } from "./fixtures.ts";
import { bytes } from "./scripted-transport.ts";
import {
  DIALECTS,
  delta,
  frames,
  hearBytes,
  hearFrames,
  hearMessage,
  messageEnd,
  STREAM_OF,
  stop,
} from "./streams.ts";

describe("S10 malformed frames", () => {
  it.each(DIALECTS)("%s: one is skipped and counted", async (dialect) => {
    for (const malformed of ['{"choices": [', "7", "null", '"text"', "[1]"]) {
      const stream = `data: ${malformed}\n\n${STREAM_OF[dialect]("Hi")}`;
      const heard = await hearBytes(dialect, [bytes(stream)]);
      expect(textOf(heard)).toBe("Hi");
      expect(finishOf(heard)).toMatchObject({ skippedFrames: 1 });
    }
  });

  it.each(DIALECTS)("%s: two fail, and what came before them is delivered", async (dialect) => {
    const [whole = ""] = STREAM_OF[dialect]("Hi").split("\n\n");
    const heard = await hearBytes(dialect, [bytes(`data: {canary\n\n${whole}\n\ndata: {canary\n\n`)]);
    expect(textOf(heard)).toBe("Hi");
    expect(heard.error).toMatchObject({ failure: "protocol" });
    expect(String(heard.error)).not.toContain("canary");
  });

  it("a blank frame is no frame", async () => {
    const heard = await hearBytes("openai", [
      bytes(`data:\n\ndata: \n\n${frames(delta({ content: "Hi" }), stop)}`),
    ]);
    expect(finishOf(heard)).toMatchObject({ skippedFrames: 0 });
  });

  it("an event that never ends is refused before it fills the memory", async () => {
    const heard = await hearBytes("openai", Array<Uint8Array>(40).fill(bytes("a".repeat(64 * 1024))));
    expect(heard.error).toMatchObject({ failure: "protocol" });
  });
});

describe("S18 S19 hostile and unknown content", () => {
  const pristine = Object.getOwnPropertyNames(Object.prototype).sort();
  afterEach(() => {
    expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(pristine);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  const KEYS = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty"];

  /** The JSON with a hostile key put first in every object. */
  const poison = (json: string, key: string) =>
    json.replaceAll(/\{(?=")/g, `{"${key}":{"polluted":1,"content":"bad","error":{"message":"x"}},`);

  it.each(KEYS)("%s in every object of every recorded stream is inert", async (key) => {
    for (const { dialect, body } of WHOLE_STREAMS) {
      const poisoned = body.toString("utf8").replaceAll(/^data: \{.*$/gm, (line) => poison(line, key));
      const plain = await hearBytes(dialect, [body]);
      const heard = await hearBytes(dialect, [bytes(poisoned)]);
      // Tool arguments are handed on as they were written, poison and all.
      const shape = ({ events }: Heard) =>
        events.map((event: CompletionEvent) => (event.kind === "tool_call" ? event.kind : event));
      expect(shape(heard)).toEqual(shape(plain));
    }
  });

  it.each(KEYS)("%s as an index, a type, a finish reason or an event name is inert", async (key) => {
    await hearFrames(delta({ tool_calls: [{ index: key, function: { name: key, arguments: key } }] }), stop);
    await hearFrames(delta({}, { finish_reason: key }));
    await hearMessage({ type: key }, { type: "content_block_start", index: key });
    await hearBytes("openai", [
      bytes(`event: ${key}\ndata: {"error":{"type":"${key}","code":"${key}"}}\n\n`),
    ]);
  });

  it("unknown fields, nulls and numbers as strings are tolerated", async () => {
    const heard = await hearFrames(
      { choices: null, usage: null, x: 1 },
      { choices: [null, 5, { index: "0", delta: null, logprobs: null }] },
      {
        choices: [{ index: 0, delta: { role: "assistant", content: null, tool_calls: null, refusal: null } }],
      },
      { choices: [{ delta: { content: "Hi", reasoning: 5, extra: {} }, native_finish_reason: "x" }] },
      {
        choices: [
          {
            index: 0,
            delta: { tool_calls: [{ index: "0", id: "a", function: { name: "f", arguments: "{}" } }] },
          },
        ],
      },
      { ...stop, usage: { prompt_tokens: "3", completion_tokens: "2", prompt_tokens_details: null } },
      { choices: [], usage: null },
      "[DONE]",
    );
    expect(heard.error).toBeUndefined();
    expect(textOf(heard)).toBe("Hi");
    expect(toolCallsOf(heard)).toEqual([{ id: "a", name: "f", arguments: "{}" }]);
    expect(finishOf(heard)).toMatchObject({
      skippedFrames: 0,
      usage: { inputTokens: 3, outputTokens: 2, cachedInputTokens: 0, cacheWriteTokens: 0 },
    });
  });

  it("anthropic: unknown events, blocks and deltas are passed over", async () => {
    const heard = await hearMessage(
      { type: "novelty" },
      { type: "message_start", message: null },
      { type: "content_block_start", index: 0, content_block: { type: "hologram", text: "no" } } as {
        type: string;
      },
      { type: "content_block_delta", index: 0, delta: { type: "hologram_delta", text: "no" } } as {
        type: string;
      },
      { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "no" } } as {
        type: string;
      },
      { type: "content_block_delta", index: 0, delta: null },
      { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "Hi" } } as {
        type: string;
      },
      ...messageEnd("stop_sequence"),
    );
    expect(textOf(heard)).toBe("Hi");
    expect(finishOf(heard)).toEqual({
      kind: "finish",
      reason: "stop",
      skippedFrames: 0,
      usageMismatch: false,
    });
  });

  it("never throws anything but a typed failure, whatever the bytes", async () => {
    const piece = fc.constantFrom(
      ...[
        "data: ",
        "event: error\n",
        '{"choices":[{"delta":',
        '{"content":"x"}',
        "}]}",
        "\n\n",
        "\r\n",
        "[DONE]",
        "\uFFFF",
      ],
      ...[
        '"finish_reason":"stop"',
        ",",
        "{",
        "}",
        '{"error":{"type":7}}',
        '{"type":"message_stop"}',
        "null",
        "__proto__",
      ],
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...DIALECTS),
        fc.array(piece, { maxLength: 30 }),
        async (dialect, pieces) => {
          const { error } = await hearBytes(dialect, pieces.map(bytes));
          if (error !== undefined) expect(error).toHaveProperty("name", "ProviderError");
        },
      ),
      { numRuns: 300 },
    );
  });
});
