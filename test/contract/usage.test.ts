import { describe, expect, it } from "vitest";
import type { Dialect } from "../../src/providers/provider.ts";
import { finishOf, question } from "./ask.ts";
import { getFixture } from "./fixtures.ts";
import { bytes } from "./scripted-transport.ts";
import {
  DIALECTS,
  delta,
  frames,
  hearBytes,
  hearFrames,
  hearMessage,
  messageEvents,
  stop,
} from "./streams.ts";

describe("usage", () => {
  const usage = (prompt: number, completion: number) => ({
    prompt_tokens: prompt,
    completion_tokens: completion,
  });

  it("M05 counts the later of two that differ, and says that they differ", async () => {
    const heard = await hearFrames(
      { choices: [{ index: 0, delta: {}, finish_reason: "stop", usage: usage(5, 2) }] },
      { choices: [], usage: usage(5, 3) },
      "[DONE]",
    );
    expect(finishOf(heard)).toMatchObject({ usage: { outputTokens: 3 }, usageMismatch: true });
  });

  it("does not take a running count for a difference", async () => {
    const heard = await hearFrames(
      { ...delta({ content: "a" }), usage: usage(5, 1) },
      { ...delta({ content: "b" }), usage: usage(5, 2) },
      { ...stop, usage: usage(5, 3) },
      { choices: [], usage: usage(5, 3) },
      "[DONE]",
    );
    expect(finishOf(heard)).toMatchObject({ usage: { outputTokens: 3 }, usageMismatch: false });
  });

  it("takes cached tokens from either place, once, and never more than the prompt", async () => {
    const both = { ...usage(9, 1), cached_tokens: 6, prompt_tokens_details: { cached_tokens: 6 } };
    const absurd = { ...usage(9, 1), prompt_tokens_details: { cached_tokens: 90, cache_write_tokens: 90 } };
    expect(finishOf(await hearFrames({ ...stop, usage: both }))).toMatchObject({
      usage: { cachedInputTokens: 6 },
    });
    expect(finishOf(await hearFrames({ ...stop, usage: absurd }))).toMatchObject({
      usage: { inputTokens: 9, cachedInputTokens: 9, cacheWriteTokens: 0 },
    });
  });

  it("is absent when the provider names none, or only half of it", async () => {
    for (const value of [
      null,
      {},
      { prompt_tokens: 4 },
      { prompt_tokens: -1, completion_tokens: 1 },
      "none",
    ]) {
      expect(finishOf(await hearFrames({ ...stop, usage: value }))).not.toHaveProperty("usage");
    }
  });

  it("anthropic: later numbers replace earlier ones, field by field", async () => {
    const start = {
      input_tokens: 4,
      cache_creation_input_tokens: 10,
      cache_read_input_tokens: 20,
      output_tokens: 9,
    };
    const heard = await hearMessage(
      { type: "message_start", message: { model: "m", usage: start } },
      { type: "message_delta", delta: {}, usage: { output_tokens: 30, input_tokens: null } } as {
        type: string;
      },
      { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 40 } } as {
        type: string;
      },
      { type: "message_stop" },
    );
    expect(finishOf(heard)).toMatchObject({
      usage: { inputTokens: 34, cachedInputTokens: 20, cacheWriteTokens: 10, outputTokens: 40 },
      usageMismatch: false,
    });
    expect(heard.events[0]).toMatchObject({ kind: "usage", usage: { inputTokens: 34, outputTokens: 9 } });
  });

  it("anthropic: several passes are billed together", async () => {
    const pass = (input: number, output: number) => ({
      type: "message",
      input_tokens: input,
      cache_creation_input_tokens: 1,
      cache_read_input_tokens: 2,
      output_tokens: output,
    });
    const report = { ...pass(100, 20), iterations: [pass(1_000, 50), pass(100, 20)] };
    const heard = await hearMessage(
      { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: report },
      { type: "message_stop" },
    );
    expect(finishOf(heard)).toMatchObject({
      usage: { inputTokens: 1_106, cacheWriteTokens: 2, cachedInputTokens: 4, outputTokens: 70 },
    });
  });
});

describe("S20 an answer that does not stop is stopped", () => {
  const short = question({ maxOutputTokens: 10 });
  const token: Readonly<Record<Dialect, string>> = {
    openai: frames(delta({ content: "a" })),
    kimi: frames(delta({ reasoning_content: "a" })),
    anthropic: messageEvents({
      type: "content_block_delta",
      index: 0,
      delta: { type: "text_delta", text: "a" },
    }),
  };

  it.each(DIALECTS)("%s: at twice the tokens that were asked for", async (dialect) => {
    const heard = await hearBytes(dialect, [bytes(token[dialect].repeat(100))], short);
    expect(heard.events.filter(({ kind }) => kind !== "usage")).toHaveLength(20);
    expect(heard.error).toMatchObject({ failure: "output_limit" });
  });

  it("by size, when it comes in large pieces", async () => {
    const large = frames(delta({ content: "a".repeat(1_000) }));
    const heard = await hearBytes("openai", [bytes(large.repeat(10))], short);
    expect(heard.error).toMatchObject({ failure: "output_limit" });
  });

  it("not for an answer of the length that was asked for", async () => {
    const heard = await hearBytes(
      "openai",
      [getFixture("openai/length-stream.sse").body],
      question({ maxOutputTokens: 16 }),
    );
    expect(finishOf(heard)).toMatchObject({ reason: "length" });
  });
});
