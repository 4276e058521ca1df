import { describe, expect, it } from "vitest";
import type { ResponseFormat } from "../../providers/provider.ts";
import { callOf, DEPS, refusal, WEATHER } from "./test-support.ts";

const user = { role: "user", content: "Say hello" };
const PNG = "iVBORw0KGgo=";

describe("a conversation", () => {
  it("has everything that agents send", () => {
    const { messages } = callOf({
      messages: [
        { role: "developer", content: "Be brief." },
        {
          role: "system",
          content: [
            { type: "text", text: "Be " },
            { type: "text", text: "kind." },
          ],
        },
        {
          role: "user",
          name: "ann",
          content: [
            { type: "text", text: "What is it?" },
            { type: "image_url", image_url: { url: `data:image/png;base64,${PNG}`, detail: "low" } },
          ],
        },
        {
          role: "assistant",
          content: null,
          tool_calls: [{ id: "c1", type: "function", function: { name: "look", arguments: '{"a":1}' } }],
        },
        { role: "tool", tool_call_id: "c1", content: [{ type: "text", text: "a cat" }] },
        { role: "assistant", content: "", refusal: "I would rather not." },
        user,
      ],
    });
    expect(messages).toEqual([
      { role: "system", text: "Be brief." },
      { role: "system", text: "Be kind." },
      {
        role: "user",
        parts: [
          { kind: "text", text: "What is it?" },
          { kind: "image", mediaType: "image/png", data: Buffer.from(PNG, "base64") },
        ],
      },
      { role: "assistant", text: "", toolCalls: [{ id: "c1", name: "look", argumentsJson: '{"a":1}' }] },
      { role: "tool", toolCallId: "c1", text: "a cat", isError: false },
      { role: "assistant", text: "I would rather not.", toolCalls: [] },
      { role: "user", parts: [{ kind: "text", text: "Say hello" }] },
    ]);
  });

  it("has the reasoning of earlier answers, by its details where there are any", () => {
    const reasoningOf = (fields: Record<string, unknown>) => {
      const [assistant] = callOf({
        messages: [{ role: "assistant", content: "So.", ...fields }, user],
      }).messages;
      return assistant?.role === "assistant" ? assistant.reasoning : "another message";
    };
    expect(reasoningOf({})).toBeUndefined();
    expect(reasoningOf({ reasoning_content: "Hm" })).toEqual([{ text: "Hm" }]);
    const details = [
      { type: "reasoning.text", text: "Hm", signature: "proof", format: "anthropic-claude-v1", index: 0 },
      { type: "reasoning.encrypted", data: "secret", format: "anthropic-claude-v1", index: 1 },
      { type: "reasoning.summary", summary: "no" },
      { type: "reasoning.text", text: "Of", signature: "another's", format: "openai-responses-v1" },
      { type: "reasoning.encrypted", data: "another's", format: "openai-responses-v1" },
    ];
    expect(reasoningOf({ reasoning_content: "m", reasoning_details: details })).toEqual([
      { text: "Hm", signature: "proof" },
      { text: "", encrypted: "secret" },
      { text: "Of" },
    ]);
    const long = [{ type: "reasoning.text", text: "Hm", signature: "s".repeat(1_048_577) }];
    expect(
      refusal({ messages: [{ role: "assistant", content: "So.", reasoning_details: long }, user] }),
    ).toContain("messages[0].reasoning_details[0].signature");
  });

  it("is scored and held against what the models take, as over gRPC", () => {
    const { request } = callOf({
      messages: [
        {
          role: "user",
          content: [{ type: "image_url", image_url: { url: `data:image/png;base64,${PNG}` } }],
        },
        { role: "tool", tool_call_id: "c1", content: "four" },
        { role: "user", content: "if so, when?" },
      ],
      tools: [WEATHER],
      tool_choice: "required",
      response_format: { type: "json_object" },
    });
    expect(request.chat).toEqual({
      texts: ["if so, when?"],
      attachmentBytes: 8 + 4,
      attachments: 1,
      messages: 3,
      tools: [expect.objectContaining({ name: WEATHER.function.name })],
    });
    expect(request.needs).toEqual({
      tools: true,
      forcedTools: true,
      images: true,
      jsonObject: true,
      jsonSchema: false,
    });
  });

  it("may end with instructions, which models take at any place", () => {
    expect(callOf({ messages: [user, { role: "system", content: "In verse." }] }).messages).toHaveLength(2);
  });

  it.each([
    [[], "400 invalid_value messages: messages has no message of the user"],
    [[{ role: "system", content: "x" }], "400 invalid_value messages: messages has no message of the user"],
    ["hello", "400 invalid_value messages: messages is not an array"],
    [undefined, "400 invalid_value messages: messages is missing"],
    [
      [user, { role: "assistant", content: "x" }],
      "400 invalid_value messages[1].role: messages[1].role ends",
    ],
    [[{ role: "robot", content: "x" }], "400 invalid_value messages[0].role: messages[0].role is missing or"],
    [[{ role: "user", content: "" }], "400 invalid_value messages[0].content: messages[0].content is empty"],
    [
      [{ role: "user", content: [{ type: "video" }] }],
      "400 invalid_value messages[0].content[0].type: messages[0].content[0].type is missing or unknown",
    ],
    [
      [{ role: "tool", content: "x" }],
      "400 invalid_value messages[0].tool_call_id: messages[0].tool_call_id is missing",
    ],
    [
      [{ role: "assistant", tool_calls: [{ function: { name: "a b" } }] }, user],
      "400 invalid_value messages[0].tool_calls[0].id: messages[0].tool_calls[0].id is missing; messages[0].tool_calls[0].function.name is not",
    ],
    [[{ role: "function", name: "f", content: "x" }], "400 unsupported_parameter messages[0].role"],
    [
      [{ role: "user", content: [{ type: "input_audio", input_audio: {} }] }],
      "400 unsupported_parameter messages[0].content[0].type",
    ],
  ])("that is %j is refused by name", (messages, expected) => {
    expect(refusal({ messages })).toContain(expected);
  });

  it("names at most eight of many faults", () => {
    const messages = Array.from({ length: 1_000 }, () => ({ role: "robot" }));
    expect(refusal({ messages })).toMatch(/messages\[7\]\.role is missing.*; and 992 more$/);
  });
});

describe("an image", () => {
  const image = (url: unknown, allowImageUrls = false) =>
    refusal(
      { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }] },
      {},
      { ...DEPS, rules: { allowImageUrls } },
    );

  it("comes by address only where the server allows that", () => {
    expect(image("https://example.com/a.png")).toContain("set MODELTIER_ALLOW_IMAGE_URLS=true");
    expect(image("https://example.com/a.png", true)).toBe("taken");
    expect(image("http://example.com/a.png", true)).toContain("neither a data URL nor an https address");
  });

  it.each([
    ["data:image/svg+xml;base64,AAAA", "is not a data URL of image/png"],
    ["data:image/png,AAAA", "is not a data URL in base64"],
    ["data:image/png;base64,A*A=", "is not a data URL in base64"],
    ["data:image/png;base64", "is not a data URL"],
    [7, "is not a string"],
    [undefined, "is missing"],
  ])("of %j is refused", (url, expected) => {
    expect(image(url)).toContain(expected);
  });
});

describe("tools", () => {
  it("keep their schema, or have none", () => {
    const strict = { type: "function", function: { ...WEATHER.function, name: "b", strict: true } };
    const { tools } = callOf({ tools: [{ type: "function", function: { name: "a" } }, strict] });
    expect(tools).toEqual([
      { name: "a", description: "", parametersJson: '{"type":"object","properties":{}}', strict: false },
      {
        name: "b",
        description: "",
        parametersJson: JSON.stringify(WEATHER.function.parameters),
        strict: true,
      },
    ]);
  });

  it.each([
    ["auto", { kind: "auto" }],
    ["none", { kind: "none" }],
    ["required", { kind: "required" }],
    [
      { type: "function", function: { name: "get_weather" } },
      { kind: "tool", name: "get_weather" },
    ],
    [null, undefined],
  ])("are chosen by %j", (tool_choice, expected) => {
    expect(callOf({ tools: [WEATHER], tool_choice }).toolChoice).toEqual(expected);
  });

  it("are called one at a time when asked", () => {
    expect(callOf({ tools: [WEATHER], parallel_tool_calls: false }).parallelToolCalls).toBe(false);
    expect(callOf({ tools: [WEATHER], parallel_tool_calls: true }).parallelToolCalls).toBeUndefined();
  });

  it.each([
    [{ tools: [WEATHER, WEATHER] }, "tools[1].function.name stands twice"],
    [{ tools: Array.from({ length: 129 }, () => WEATHER) }, "tools has 129 tools; at most 128 are taken"],
    [{ tools: [{ type: "function", function: { name: "a b" } }] }, "tools[0].function.name is not 1 to 64"],
    [
      { tools: [{ type: "function", function: { name: "a", parameters: 1 } }] },
      "parameters is not an object",
    ],
    [{ tools: [{ type: "custom", custom: {} }] }, "400 unsupported_parameter tools[0].type"],
    [{ tool_choice: "required" }, "tool_choice requires a tool"],
    [{ tool_choice: "maybe" }, "tool_choice is not auto"],
    [
      { tools: [WEATHER], tool_choice: { type: "function", function: { name: "other" } } },
      "tool_choice.function.name names no tool of this request",
    ],
    [{ tool_choice: { type: "allowed_tools" } }, "400 unsupported_parameter tool_choice.type"],
  ])("are refused by name", (rest, expected) => {
    expect(refusal(rest)).toContain(expected);
  });

  it("with a schema that nobody could write down again are refused", () => {
    const parameters = JSON.parse(`${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`);
    expect(refusal({ tools: [{ type: "function", function: { name: "a", parameters } }] })).toContain(
      "is nested deeper than 100 levels",
    );
  });
});

describe("the form of the answer", () => {
  it.each<[unknown, ResponseFormat]>([
    [undefined, { kind: "text" }],
    [{ type: "text" }, { kind: "text" }],
    [{ type: "json_object" }, { kind: "json" }],
    [
      { type: "json_schema", json_schema: { name: "place", strict: true, schema: { type: "object" } } },
      { kind: "json_schema", name: "place", strict: true, schemaJson: '{"type":"object"}' },
    ],
  ])("%j", (response_format, expected) => {
    expect(callOf({ response_format }).responseFormat).toEqual(expected);
  });

  it("is refused when it is none", () => {
    expect(refusal({ response_format: { type: "xml" } })).toContain("response_format.type is missing or");
    expect(refusal({ response_format: { type: "json_schema", json_schema: { name: "x" } } })).toContain(
      "response_format.json_schema.schema is missing",
    );
  });
});
