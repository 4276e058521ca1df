import { describe, expect, it } from "vitest";
import type { Dialect } from "../../src/providers/provider.ts";
import { finishOf, providerOf, question, textOf, toolCallsOf, unwatched } from "./ask.ts";
import { bytes, scriptedTransport } from "./scripted-transport.ts";
import { delta, hearFrames, hearMessage, messageEnd, stop } from "./streams.ts";

describe("S17 tool calls are told apart by a checked index", () => {
  const call = (index: unknown, target: object, id?: string) =>
    delta({ tool_calls: [{ index, ...(id !== undefined && { id }), function: target }] });
  const calls = delta({}, { finish_reason: "tool_calls" });

  it("pieces of two calls may come interleaved, and in any order of index", async () => {
    const heard = await hearFrames(
      call(1, { name: "second", arguments: "" }, "b"),
      call(0, { name: "first", arguments: "" }, "a"),
      call(1, { arguments: '{"x":' }),
      call(0, { arguments: "{}" }),
      call(1, { arguments: "1}" }),
      calls,
    );
    expect(toolCallsOf(heard)).toEqual([
      { id: "b", name: "second", arguments: '{"x":1}' },
      { id: "a", name: "first", arguments: "{}" },
    ]);
  });

  it("a repeated id and name are not added up", async () => {
    const piece = (text: string) => call(0, { name: "f", arguments: text }, "a");
    const heard = await hearFrames(piece("{"), piece("}"), calls);
    expect(toolCallsOf(heard)).toEqual([{ id: "a", name: "f", arguments: "{}" }]);
    const withId = heard.events.filter((event) => event.kind === "tool_call" && event.id !== undefined);
    expect(withId).toHaveLength(1);
  });

  it("a call is announced once its name is there", async () => {
    const heard = await hearFrames(
      call(0, { arguments: "{" }, "a"),
      call(0, { name: "f", arguments: "}" }, "a"),
      calls,
    );
    expect(heard.events[0]).toEqual({ kind: "tool_call", index: 0, id: "a", name: "f", argumentsJson: "{}" });
  });

  it("a call that never gets a name is a failure, not an answer", async () => {
    const heard = await hearFrames(call(0, { arguments: "{}" }, "a"), calls);
    expect(heard.error).toMatchObject({ failure: "protocol" });
  });

  it("without any index, a new id is a new call", async () => {
    const heard = await hearFrames(
      call(undefined, { name: "f", arguments: "{" }, "a"),
      call(undefined, { arguments: "}" }),
      call(null, { name: "g", arguments: "{}" }, "b"),
      calls,
    );
    expect(toolCallsOf(heard)).toEqual([
      { id: "a", name: "f", arguments: "{}" },
      { id: "b", name: "g", arguments: "{}" },
    ]);
  });

  it.each([-1, 1.5, 1e9, "__proto__", "length", {}])("index %s is malformed", async (index) => {
    const nonsense = call(index, { name: "f", arguments: "{}" }, "a");
    const heard = await hearFrames(nonsense, delta({ content: "Hi" }), stop);
    expect(toolCallsOf(heard)).toEqual([]);
    expect(finishOf(heard)).toMatchObject({ skippedFrames: 1 });
    expect((await hearFrames(nonsense, nonsense, stop)).error).toMatchObject({ failure: "protocol" });
  });

  it("a choice that was not asked for is not mixed in", async () => {
    const other = { choices: [{ index: 1, delta: { content: "B" }, finish_reason: "length" }] };
    const heard = await hearFrames(delta({ content: "A" }), other, stop);
    expect(textOf(heard)).toBe("A");
    expect(finishOf(heard)).toMatchObject({ reason: "stop" });
  });

  it("anthropic: ordinals count calls, not blocks, and a block of the server's own tools is none", async () => {
    const start = (index: number, type: string, name: string) => ({
      type: "content_block_start",
      index,
      content_block: { type, id: name, name, input: {} },
    });
    const piece = (index: number, json: string) => ({
      type: "content_block_delta",
      index,
      delta: { type: "input_json_delta", partial_json: json },
    });
    const heard = await hearMessage(
      start(1, "server_tool_use", "web_search"),
      piece(1, '{"q":"x"}'),
      start(3, "tool_use", "f"),
      start(7, "tool_use", "g"),
      piece(7, '{"b":'),
      piece(3, ""),
      piece(7, "2}"),
      ...messageEnd("tool_use"),
    );
    expect(toolCallsOf(heard)).toEqual([
      { id: "f", name: "f", arguments: "{}" },
      { id: "g", name: "g", arguments: '{"b":2}' },
    ]);
  });

  it("anthropic: a block that starts twice, or at no place, is malformed", async () => {
    const start = (index: unknown, name: string) => ({
      type: "content_block_start",
      index,
      content_block: { type: "tool_use", id: name, name, input: {} },
    });
    for (const index of [0, -1, "__proto__", 1e9, null]) {
      const heard = await hearMessage(start(0, "f"), start(index, "g"), ...messageEnd("tool_use"));
      expect(toolCallsOf(heard)).toEqual([{ id: "f", name: "f", arguments: "{}" }]);
      expect(finishOf(heard)).toMatchObject({ skippedFrames: 1 });
    }
  });

  it("anthropic: a call cut at the limit before its first argument is not completed with {}", async () => {
    const start = {
      type: "content_block_start",
      index: 0,
      content_block: { type: "tool_use", id: "a", name: "f", input: {} },
    };
    const heard = await hearMessage(start, { type: "content_block_stop" }, ...messageEnd("max_tokens"));
    expect(finishOf(heard)).toMatchObject({ reason: "length" });
    expect(toolCallsOf(heard)).toEqual([{ id: "a", name: "f", arguments: "" }]);
  });
});

describe("tool calls of a whole answer", () => {
  const answer = (
    finishReason: string,
    ...calls: readonly (readonly [name: string, argumentsJson: string])[]
  ) => ({
    choices: [
      {
        finish_reason: finishReason,
        message: {
          content: null,
          tool_calls: calls.map(([name, text]) => ({ id: name, function: { name, arguments: text } })),
        },
      },
    ],
  });
  const complete = (dialect: Dialect, body: object) => {
    const script = { headers: { "content-type": "application/json" }, pieces: [bytes(JSON.stringify(body))] };
    const provider = providerOf(dialect, scriptedTransport(script));
    return provider.complete(question(), new AbortController().signal, unwatched);
  };

  it.each(["openai", "kimi"] as const)(
    "%s: a call that was cut at the limit is not handed out",
    async (dialect) => {
      const cut = await complete(dialect, answer("length", ["f", "{}"], ["g", '{"city":"Flo']));
      expect(cut.finishReason).toBe("length");
      expect(cut.toolCalls).toEqual([{ id: "f", name: "f", argumentsJson: "{}" }]);
      const whole = await complete(dialect, answer("tool_calls", ["g", "as the model wrote it"]));
      expect(whole.toolCalls).toEqual([{ id: "g", name: "g", argumentsJson: "as the model wrote it" }]);
    },
  );

  it("a call without a name is a failure, not an answer", async () => {
    await expect(complete("openai", answer("tool_calls", ["", "{}"]))).rejects.toMatchObject({
      failure: "protocol",
    });
    const nameless = { content: [{ type: "tool_use", id: "a", input: {} }], stop_reason: "tool_use" };
    await expect(complete("anthropic", nameless)).rejects.toMatchObject({ failure: "protocol" });
  });

  it("anthropic: input, thinking and text are read from their blocks, unknown blocks are passed over", async () => {
    const content = [
      { type: "thinking", thinking: "Hm", signature: "proof" },
      { type: "redacted_thinking", data: "secret" },
      { type: "hologram", text: "no" },
      null,
      { type: "text", text: "Let me look." },
      { type: "tool_use", id: "a", name: "weather", input: { city: "Florence" } },
      { type: "tool_use", id: "b", name: "now" },
    ];
    expect(await complete("anthropic", { content, stop_reason: "tool_use" })).toEqual({
      text: "Let me look.",
      reasoning: "Hm",
      reasoningBlocks: [
        { text: "Hm", signature: "proof" },
        { text: "", encrypted: "secret" },
      ],
      refusal: "",
      toolCalls: [
        { id: "a", name: "weather", argumentsJson: '{"city":"Florence"}' },
        { id: "b", name: "now", argumentsJson: "{}" },
      ],
      finishReason: "tool_calls",
      usageMismatch: false,
    });
  });

  it("a filtered answer may have no message", async () => {
    const filtered = await complete("openai", { choices: [{ finish_reason: "content_filter" }] });
    expect(filtered).toMatchObject({ text: "", toolCalls: [], finishReason: "content_filter" });
  });
});
