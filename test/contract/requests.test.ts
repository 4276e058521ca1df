import { afterEach, describe, expect, it } from "vitest";
import type { ModelParameters } from "../../src/pricing/types.ts";
import type { CompletionRequest, Dialect } from "../../src/providers/provider.ts";
import { KEY, listen, providerOf, question, refusalOf } from "./ask.ts";
import { openTransport, startServer } from "./local-server.ts";
import { sentBy } from "./sent-by.ts";

const CHAT: readonly Dialect[] = ["openai", "kimi"];
const ALL: readonly Dialect[] = ["openai", "kimi", "anthropic"];

const parameters = (changes: Partial<ModelParameters>): Pick<CompletionRequest, "parameters"> => ({
  parameters: { ...question().parameters, ...changes },
});

const conversation = question({
  messages: [
    { role: "system", text: "Be brief." },
    { role: "user", parts: [{ kind: "text", text: "Weather in Florence?" }] },
    {
      role: "assistant",
      text: "Let me look.",
      toolCalls: [
        { id: "a", name: "weather", argumentsJson: '{"city":"Florence"}' },
        { id: "b", name: "now", argumentsJson: "" },
      ],
    },
    { role: "tool", toolCallId: "a", text: "sunny", isError: false },
    { role: "tool", toolCallId: "b", text: "no clock", isError: true },
    { role: "user", parts: [{ kind: "text", text: "And tomorrow?" }] },
    { role: "assistant", text: "", toolCalls: [] },
    { role: "system", text: "Answer in Italian." },
  ],
});

const picture = question({
  messages: [
    {
      role: "user",
      parts: [
        { kind: "text", text: "What is this?" },
        { kind: "image", mediaType: "image/png", data: new Uint8Array([0, 1, 2, 3, 4]).subarray(1, 4) },
        { kind: "image_url", url: "https://example.org/a.png" },
      ],
    },
  ],
});

const tooled = question({
  tools: [
    {
      name: "weather",
      description: "The weather",
      parametersJson: '{"type":"object","properties":{}}',
      strict: true,
    },
    { name: "now", description: "", parametersJson: "", strict: false },
  ],
});

describe("a request to a provider that speaks chat completions", () => {
  it.each(CHAT)("%s: authorises, and says nothing that was not asked", async (dialect) => {
    const { method, path, headers, json } = await sentBy(dialect, question());
    expect(`${method} ${path}`).toBe("POST /base/chat/completions");
    expect(headers).toMatchObject({
      authorization: `Bearer ${KEY}`,
      "content-type": "application/json",
      "accept-encoding": "identity",
    });
    expect(headers).not.toHaveProperty("x-api-key");
    expect(json).toEqual({
      model: "some-model",
      messages: [{ role: "user", content: "Say hi" }],
      max_completion_tokens: 4_096,
      stream: false,
    });
  });

  it.each(CHAT)("%s: names the cap and the system role as the model wants them", async (dialect) => {
    const request = { ...conversation, ...parameters({ outputCap: "max_tokens", systemRole: "developer" }) };
    const { json } = await sentBy(dialect, request);
    expect(json).toHaveProperty("max_tokens", 4_096);
    expect(json).not.toHaveProperty("max_completion_tokens");
    expect(json).toHaveProperty("messages.0", { role: "developer", content: "Be brief." });
  });

  it.each(CHAT)(
    "%s: sends a conversation with tools, without the message that says nothing",
    async (dialect) => {
      const { json } = await sentBy(dialect, conversation);
      expect(json.messages).toEqual([
        { role: "system", content: "Be brief." },
        { role: "user", content: "Weather in Florence?" },
        {
          role: "assistant",
          content: "Let me look.",
          tool_calls: [
            { id: "a", type: "function", function: { name: "weather", arguments: '{"city":"Florence"}' } },
            { id: "b", type: "function", function: { name: "now", arguments: "{}" } },
          ],
        },
        { role: "tool", tool_call_id: "a", content: "sunny" },
        { role: "tool", tool_call_id: "b", content: "no clock" },
        { role: "user", content: "And tomorrow?" },
        { role: "system", content: "Answer in Italian." },
      ]);
    },
  );

  it.each(CHAT)("%s: sends images inline and by address", async (dialect) => {
    const { json } = await sentBy(dialect, picture);
    expect(json).toHaveProperty("messages.0.content", [
      { type: "text", text: "What is this?" },
      { type: "image_url", image_url: { url: "data:image/png;base64,AQID" } },
      { type: "image_url", image_url: { url: "https://example.org/a.png" } },
    ]);
  });

  it.each(CHAT)("%s: sends tools and the choice among them", async (dialect) => {
    const { json } = await sentBy(dialect, {
      ...tooled,
      toolChoice: { kind: "tool", name: "weather" },
      parallelToolCalls: false,
    });
    expect(json).toMatchObject({
      tools: [
        {
          type: "function",
          function: {
            name: "weather",
            description: "The weather",
            parameters: { type: "object", properties: {} },
            strict: true,
          },
        },
        { type: "function", function: { name: "now" } },
      ],
      tool_choice: { type: "function", function: { name: "weather" } },
      parallel_tool_calls: false,
    });
    for (const kind of ["auto", "none", "required"] as const) {
      expect((await sentBy(dialect, { ...tooled, toolChoice: { kind } })).json.tool_choice).toBe(kind);
    }
  });

  it.each(CHAT)(
    "%s: says with tools, and only with tools, how hard to think, where the model asks for that",
    async (dialect) => {
      const effort = parameters({ effortWithTools: "none" });
      for (const toolChoice of [undefined, { kind: "required" }, { kind: "tool", name: "now" }] as const) {
        const { json } = await sentBy(dialect, { ...tooled, ...effort, ...(toolChoice && { toolChoice }) });
        expect(json.reasoning_effort).toBe("none");
      }
      expect((await sentBy(dialect, { ...question(), ...effort })).json).not.toHaveProperty(
        "reasoning_effort",
      );
      expect((await sentBy(dialect, tooled)).json).not.toHaveProperty("reasoning_effort");
    },
  );

  it.each(CHAT)("%s: sends every sampling parameter that was asked for", async (dialect) => {
    const request = question({ temperature: 0, topP: 0.5, seed: 7, stop: ["END"] });
    expect((await sentBy(dialect, request)).json).toMatchObject({
      temperature: 0,
      top_p: 0.5,
      seed: 7,
      stop: ["END"],
    });
  });

  it.each(ALL)("%s: leaves out the choice of tools when there are none, and empty stops", async (dialect) => {
    const request = question({ toolChoice: { kind: "auto" }, parallelToolCalls: true, stop: [] });
    const { json } = await sentBy(dialect, request);
    for (const name of ["tools", "tool_choice", "parallel_tool_calls", "stop", "stop_sequences"]) {
      expect(json).not.toHaveProperty(name);
    }
  });

  it.each(CHAT)("%s: asks for JSON, and for JSON by a schema", async (dialect) => {
    const schemaJson = '{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object"}';
    const format = { kind: "json_schema", name: "answer", schemaJson, strict: true } as const;
    const json = (await sentBy(dialect, question({ responseFormat: { kind: "json" } }))).json;
    expect(json.response_format).toEqual({ type: "json_object" });
    const { response_format: bySchema } = (await sentBy(dialect, question({ responseFormat: format }))).json;
    // Kimi takes no $schema.
    const schema = dialect === "kimi" ? { type: "object" } : JSON.parse(schemaJson);
    expect(bySchema).toEqual({ type: "json_schema", json_schema: { name: "answer", strict: true, schema } });
  });

  it("asks OpenAI for the usage of a stream, and Kimi not", async () => {
    for (const [dialect, options] of [
      ["openai", { include_usage: true }],
      ["kimi", undefined],
    ] as const) {
      const server = await startServer((response) => response.end());
      await listen(providerOf(dialect, openTransport(), { baseUrl: server.url }));
      expect(server.seen[0]?.json.stream).toBe(true);
      expect(server.seen[0]?.json.stream_options).toEqual(options);
    }
  });
});

describe("a request to Anthropic", () => {
  it("authorises, names the API version, and says nothing that was not asked", async () => {
    const { method, path, headers, json } = await sentBy("anthropic", question());
    expect(`${method} ${path}`).toBe("POST /base/v1/messages");
    expect(headers).toMatchObject({
      authorization: `Bearer ${KEY}`,
      "anthropic-version": "2026-10-21",
      "accept-encoding": "identity",
    });
    expect(json).toEqual({
      model: "some-model",
      max_tokens: 4_096,
      messages: [{ role: "user", content: [{ type: "text", text: "Say hi" }] }],
      stream: false,
    });
  });

  it("names the older version for a model that wants it, and sends what that one takes", async () => {
    const request = {
      ...question({ temperature: 0.2, topP: 0.9, stop: ["END"] }),
      ...parameters({ anthropicVersion: "2023-06-01" }),
    };
    const { headers, json } = await sentBy("anthropic", request);
    expect(headers["anthropic-version"]).toBe("2023-06-01");
    expect(json).toMatchObject({ temperature: 0.2, top_p: 0.9, stop_sequences: ["END"] });
  });

  it("collects system prompts, merges neighbours of one role, and returns tool results as the user", async () => {
    const { json } = await sentBy("anthropic", conversation);
    expect(json.system).toBe("Be brief.\n\nAnswer in Italian.");
    expect(json.messages).toEqual([
      { role: "user", content: [{ type: "text", text: "Weather in Florence?" }] },
      {
        role: "assistant",
        content: [
          { type: "text", text: "Let me look." },
          { type: "tool_use", id: "a", name: "weather", input: { city: "Florence" } },
          { type: "tool_use", id: "b", name: "now", input: {} },
        ],
      },
      {
        role: "user",
        content: [
          { type: "tool_result", tool_use_id: "a", content: "sunny" },
          { type: "tool_result", tool_use_id: "b", content: "no clock", is_error: true },
          { type: "text", text: "And tomorrow?" },
        ],
      },
    ]);
  });

  it("sends images inline and by address", async () => {
    const { json } = await sentBy("anthropic", picture);
    expect(json).toHaveProperty("messages.0.content", [
      { type: "text", text: "What is this?" },
      { type: "image", source: { type: "base64", media_type: "image/png", data: "AQID" } },
      { type: "image", source: { type: "url", url: "https://example.org/a.png" } },
    ]);
  });

  it("sends tools and the choice among them", async () => {
    const choose = async (changes: Partial<CompletionRequest>) =>
      (await sentBy("anthropic", { ...tooled, ...changes })).json.tool_choice;
    expect((await sentBy("anthropic", tooled)).json.tools).toEqual([
      {
        name: "weather",
        description: "The weather",
        input_schema: { type: "object", properties: {} },
        strict: true,
      },
      { name: "now", input_schema: { type: "object" } },
    ]);
    expect(await choose({})).toBeUndefined();
    expect(await choose({ toolChoice: { kind: "auto" } })).toEqual({ type: "auto" });
    expect(await choose({ toolChoice: { kind: "required" } })).toEqual({ type: "any" });
    expect(await choose({ toolChoice: { kind: "none" }, parallelToolCalls: false })).toEqual({
      type: "none",
    });
    expect(await choose({ toolChoice: { kind: "tool", name: "now" }, parallelToolCalls: false })).toEqual({
      type: "tool",
      name: "now",
      disable_parallel_tool_use: true,
    });
    expect(await choose({ parallelToolCalls: false })).toEqual({
      type: "auto",
      disable_parallel_tool_use: true,
    });
  });

  it("asks for JSON by a schema", async () => {
    const responseFormat = {
      kind: "json_schema",
      name: "answer",
      schemaJson: '{"type":"object"}',
      strict: true,
    } as const;
    expect((await sentBy("anthropic", question({ responseFormat }))).json.output_config).toEqual({
      format: { type: "json_schema", schema: { type: "object" } },
    });
  });

  it("puts no words into the model's mouth", async () => {
    const { json } = await sentBy("anthropic", question());
    expect(json).toHaveProperty("messages.length", 1);
    expect(json).toHaveProperty("messages.0.role", "user");
  });
});

describe("a request that cannot be said is rejected and not sent", () => {
  const assistant = (argumentsJson: string) => ({
    messages: [{ role: "assistant", text: "", toolCalls: [{ id: "a", name: "f", argumentsJson }] }] as const,
  });
  const tool = (parametersJson: string) => ({
    tools: [{ name: "f", description: "", parametersJson, strict: false }],
  });
  const format = (schemaJson: string) => ({
    responseFormat: { kind: "json_schema", name: "a", schemaJson, strict: false } as const,
  });

  it.each([
    ["anthropic", "arguments that are not JSON", assistant('{"city":"canary')],
    ["anthropic", "arguments that are a list", assistant("[1]")],
    ["anthropic", "JSON without a schema", { responseFormat: { kind: "json" } as const }],
    ["anthropic", "a schema that is not JSON", format("canary")],
    ["openai", "a schema that is not JSON", format("canary")],
    ["kimi", "tool parameters that are not an object", tool('"canary"')],
    ["anthropic", "tool parameters that are not an object", tool('"canary"')],
  ] as const)("%s: %s", async (dialect, _name, changes) => {
    const server = await startServer((response) => response.end("{}"));
    const provider = providerOf(dialect, openTransport(), { baseUrl: server.url });
    const error = await refusalOf(provider, question(changes));
    expect(error).toMatchObject({ failure: "rejected" });
    expect(String(error)).not.toContain("canary");
    expect(server.seen).toHaveLength(0);
  });

  it("arguments with hostile keys are sent as they are, and change nothing here", async () => {
    const { json } = await sentBy("anthropic", question(assistant('{"__proto__":{"polluted":1}}')));
    expect(JSON.stringify(json)).toContain('{"__proto__":{"polluted":1}}');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe("keys and the environment", () => {
  const VARIABLES = {
    OPENAI_CUSTOM_HEADERS: "X-Leak: leaked\nAuthorization: Bearer leaked",
    OPENAI_ORG_ID: "leaked",
    OPENAI_PROJECT_ID: "leaked",
    OPENAI_API_KEY: "leaked",
    OPENAI_BASE_URL: "http://leaked.test",
    ANTHROPIC_CUSTOM_HEADERS: "X-Leak: leaked\nAuthorization: Bearer leaked",
    ANTHROPIC_API_KEY: "leaked",
    ANTHROPIC_AUTH_TOKEN: "leaked",
    ANTHROPIC_BASE_URL: "http://leaked.test",
  };
  afterEach(() => {
    for (const name of Object.keys(VARIABLES)) delete process.env[name];
  });

  it.each(ALL)(
    "%s: nothing in the environment reaches the provider, and it is left as it was",
    async (dialect) => {
      Object.assign(process.env, VARIABLES);
      const { headers } = await sentBy(dialect, question());
      expect(JSON.stringify(headers)).not.toContain("leaked");
      expect(headers.authorization).toBe(`Bearer ${KEY}`);
      expect(process.env).toMatchObject(VARIABLES);
    },
  );

  it.each(ALL)("%s: no key sends no authorisation", async (dialect) => {
    expect((await sentBy(dialect, question(), "")).headers).not.toHaveProperty("authorization");
  });

  it.each(ALL)("%s: a key that no header can carry fails the call, and is not shown", async (dialect) => {
    const provider = providerOf(dialect, openTransport(), { apiKey: "canary\nkey" });
    const error = await refusalOf(provider);
    expect(error).toMatchObject({ failure: "unauthenticated" });
    expect(`${error} ${JSON.stringify(error)}`).not.toContain("canary");
  });
});
