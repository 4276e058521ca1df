import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Sandbox, startSandbox } from "./sandbox.ts";
import { lastEntry } from "./test-support.ts";

const WEATHER = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer", minimum: 3 } },
  required: ["city", "days"],
  additionalProperties: false,
};
const WEATHER_ARGUMENTS = { city: "sandbox", days: 3 };
const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await startSandbox({ tokensPerSecond: Number.POSITIVE_INFINITY });
});
afterAll(() => sandbox.close());
beforeEach(() => sandbox.ledger.clear());

describe.each(["openai", "kimi"] as const)("the official OpenAI SDK against the sandbox's %s", (provider) => {
  const model = provider === "openai" ? "gpt-4o-mini" : "kimi-k2-0905-preview";
  const client = () => new OpenAI({ apiKey: "any", baseURL: sandbox.baseUrls[provider], maxRetries: 0 });
  const hello = [{ role: "user" as const, content: "Say hello" }];
  const weatherTool = (name: string) => ({
    type: "function" as const,
    function: { name, parameters: WEATHER },
  });

  it("says hello, and says that it is the sandbox", async () => {
    const answer = await client().chat.completions.create({ model, messages: hello });
    expect(answer.choices[0]?.message.content).toMatch(/^Hello! This is the Modeltier sandbox/);
    expect(answer.choices[0]?.finish_reason).toBe("stop");
    expect(answer.model).toBe(model);
  });

  it("streams the same text as it gives whole, with the same usage", async () => {
    const whole = await client().chat.completions.create({ model: `${model}!none`, messages: hello });
    const stream = await client().chat.completions.create({
      model: `${model}!none`,
      messages: hello,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = await Array.fromAsync(stream);
    const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
    expect(text).toBe(whole.choices[0]?.message.content);
    const usage = chunks.findLast((chunk) => chunk.usage)?.usage;
    expect(usage).toMatchObject({
      prompt_tokens: whole.usage?.prompt_tokens,
      completion_tokens: whole.usage?.completion_tokens,
    });
    expect(usage?.completion_tokens).toBe((await lastEntry(sandbox)).usage.outputTokens);
  });

  it("calls every tool that the last message names, in parallel, with arguments that fit their schemas", async () => {
    const request = {
      model,
      messages: [{ role: "user" as const, content: "Use get_weather and get_tides" }],
      tools: [weatherTool("get_weather"), weatherTool("get_tides"), weatherTool("get_moon")],
    };
    const runner = client().chat.completions.stream(request);
    const streamed = await runner.finalChatCompletion();
    const whole = await client().chat.completions.create(request);
    for (const answer of [streamed, whole]) {
      const calls = answer.choices[0]?.message.tool_calls ?? [];
      expect(calls.map((call) => call.type === "function" && call.function.name)).toEqual([
        "get_weather",
        "get_tides",
      ]);
      for (const call of calls) {
        expect(call.type === "function" && JSON.parse(call.function.arguments)).toEqual(WEATHER_ARGUMENTS);
      }
      expect(answer.choices[0]?.finish_reason).toBe("tool_calls");
      expect(new Set(calls.map((call) => call.id)).size).toBe(2);
    }
  });

  it("answers text once the tool has answered, and calls one tool when parallel calls are off", async () => {
    const question = { role: "user" as const, content: "Use get_weather and get_tides" };
    const tools = [weatherTool("get_weather"), weatherTool("get_tides")];
    const first = await client().chat.completions.create({
      model,
      messages: [question],
      tools,
      parallel_tool_calls: false,
    });
    const message = first.choices[0]?.message;
    const call = message?.tool_calls?.[0];
    expect(message?.tool_calls).toHaveLength(1);
    const second = await client().chat.completions.create({
      model,
      tools,
      messages: [
        question,
        { role: "assistant", content: null, tool_calls: message?.tool_calls },
        { role: "tool", tool_call_id: call?.id ?? "", content: "18 degrees" },
      ],
    });
    expect(second.choices[0]?.message.content).toMatch(/^The tool has answered\./);
    expect(second.choices[0]?.message.tool_calls).toBeUndefined();
  });

  it("forces the named tool, and the first one when any is required", async () => {
    const tools = [weatherTool("get_weather"), weatherTool("get_tides")];
    const named = { type: "function" as const, function: { name: "get_tides" } };
    for (const [tool_choice, expected] of [
      [named, "get_tides"],
      ["required" as const, "get_weather"],
    ] as const) {
      const answer = await client().chat.completions.create({ model, messages: hello, tools, tool_choice });
      const call = answer.choices[0]?.message.tool_calls?.[0];
      expect(call?.type === "function" && call.function.name).toBe(expected);
    }
  });

  it("fills a JSON schema, and answers JSON in JSON mode", async () => {
    const schema = { name: "weather", schema: WEATHER, strict: true };
    const filled = await client().chat.completions.create({
      model,
      messages: hello,
      response_format: { type: "json_schema", json_schema: schema },
    });
    expect(JSON.parse(filled.choices[0]?.message.content ?? "")).toEqual(WEATHER_ARGUMENTS);
    const json = await client().chat.completions.create({
      model,
      messages: hello,
      response_format: { type: "json_object" },
    });
    expect(JSON.parse(json.choices[0]?.message.content ?? "")).toMatchObject({ sandbox: true });
  });

  it("stops before a stop sequence, and at the token limit", async () => {
    const stopped = await client().chat.completions.create({
      model,
      messages: hello,
      stop: [" standing", " sandbox"],
    });
    expect(stopped.choices[0]?.message.content).toBe("Hello! This is the Modeltier");
    expect(stopped.choices[0]?.finish_reason).toBe("stop");
    const limited = await client().chat.completions.create({
      model,
      messages: hello,
      max_completion_tokens: 3,
    });
    expect(limited.choices[0]?.message.content).toBe("Hello! This is");
    expect(limited.choices[0]?.finish_reason).toBe("length");
    expect(limited.usage?.completion_tokens).toBe(3);
  });

  it("accepts images and counts them", async () => {
    const image = { type: "image_url" as const, image_url: { url: `data:image/png;base64,${PNG}` } };
    const messages = [
      { role: "user" as const, content: [{ type: "text" as const, text: "What is it?" }, image] },
    ];
    const answer = await client().chat.completions.create({ model, messages });
    expect(answer.usage?.prompt_tokens).toBeGreaterThan(250);
  });

  it("lists models", async () => {
    const models = await Array.fromAsync(client().models.list());
    expect(models.map(({ id }) => id)).toContain(model);
  });

  it("fails with the SDK's own errors", async () => {
    const create = (faults: string) =>
      client().chat.completions.create({ model: `${model}!${faults}`, messages: hello });
    await expect(create("429-retry-after=2")).rejects.toThrow(OpenAI.RateLimitError);
    await expect(create("auth")).rejects.toThrow(OpenAI.AuthenticationError);
    await expect(create("model-404")).rejects.toThrow(OpenAI.NotFoundError);
    await expect(create("500")).rejects.toThrow(OpenAI.InternalServerError);
    await expect(create("reset")).rejects.toThrow(OpenAI.APIConnectionError);
  });
});

describe("the official Anthropic SDK against the sandbox", () => {
  const model = "claude-haiku-5-5";
  const client = () =>
    new Anthropic({
      apiKey: "any",
      baseURL: sandbox.baseUrls.anthropic,
      maxRetries: 0,
      openTelemetry: false,
    });
  const request = { model, max_tokens: 500, messages: [{ role: "user" as const, content: "Say hello" }] };
  const tool = (name: string) => ({
    name,
    description: "For the test.",
    input_schema: { ...WEATHER, type: "object" as const },
  });

  it("says hello, whole and streamed alike, with the same usage", async () => {
    const whole = await client().messages.create(request);
    const streamed = await client().messages.stream(request).finalMessage();
    for (const message of [whole, streamed]) {
      const [block] = message.content;
      expect(block?.type === "text" && block.text).toMatch(/^Hello! This is the Modeltier sandbox/);
      expect(message.stop_reason).toBe("end_turn");
    }
    expect(streamed.content).toMatchObject(whole.content);
    expect(streamed.usage.output_tokens).toBe(whole.usage.output_tokens);
    expect(streamed.usage.input_tokens).toBe(whole.usage.input_tokens);
    expect((await lastEntry(sandbox)).usage.outputTokens).toBe(streamed.usage.output_tokens);
  });

  it("calls the tools that the last message names, and answers text to their results", async () => {
    const question = { role: "user" as const, content: "Use get_weather and get_tides" };
    const tools = [tool("get_weather"), tool("get_tides")];
    const first = await client()
      .messages.stream({ ...request, messages: [question], tools })
      .finalMessage();
    const calls = first.content.filter((block) => block.type === "tool_use");
    expect(calls.map(({ name, input }) => ({ name, input }))).toEqual([
      { name: "get_weather", input: WEATHER_ARGUMENTS },
      { name: "get_tides", input: WEATHER_ARGUMENTS },
    ]);
    expect(first.stop_reason).toBe("tool_use");
    const results = calls.map(({ id }) => ({
      type: "tool_result" as const,
      tool_use_id: id,
      content: "18 degrees",
    }));
    const second = await client().messages.create({
      ...request,
      tools,
      messages: [question, { role: "assistant", content: first.content }, { role: "user", content: results }],
    });
    expect(second.content[0]?.type === "text" && second.content[0].text).toMatch(/^The tool has answered\./);
  });

  it("forces a tool, and only one when parallel use is off", async () => {
    const answer = await client().messages.create({
      ...request,
      tools: [tool("get_weather"), tool("get_tides")],
      tool_choice: { type: "tool", name: "get_tides", disable_parallel_tool_use: true },
    });
    expect(answer.content.map((block) => block.type === "tool_use" && block.name)).toEqual(["get_tides"]);
  });

  it("thinks in a block of its own when thinking is on, and counts it", async () => {
    const thinking = { type: "adaptive" as const };
    const message = await client()
      .messages.stream({ ...request, thinking })
      .finalMessage();
    expect(message.content.map(({ type }) => type)).toEqual(["thinking", "text"]);
    expect(message.usage.output_tokens_details?.thinking_tokens).toBeGreaterThan(0);
  });

  it("fills a JSON schema", async () => {
    const format = { type: "json_schema" as const, schema: WEATHER };
    const answer = await client().messages.create({ ...request, output_config: { format } });
    const [block] = answer.content;
    expect(JSON.parse(block?.type === "text" ? block.text : "")).toEqual(WEATHER_ARGUMENTS);
  });

  it("names the stop sequence that ended the answer, and leaves no block when it came first", async () => {
    const stopped = await client().messages.create({ ...request, stop_sequences: ["Hello"] });
    expect(stopped).toMatchObject({ content: [], stop_reason: "stop_sequence", stop_sequence: "Hello" });
    const limited = await client().messages.create({ ...request, max_tokens: 2 });
    expect(limited).toMatchObject({ stop_reason: "max_tokens", usage: { output_tokens: 2 } });
  });

  it("accepts images", async () => {
    const source = { type: "base64" as const, media_type: "image/png" as const, data: PNG };
    const content = [{ type: "image" as const, source }];
    const answer = await client().messages.create({ ...request, messages: [{ role: "user", content }] });
    expect(answer.usage.input_tokens).toBe(256);
  });

  it("lists models", async () => {
    const models = await Array.fromAsync(client().models.list());
    expect(models.map(({ id }) => id)).toContain(model);
  });

  it("fails with the SDK's own errors", async () => {
    const create = (faults: string) => client().messages.create({ ...request, model: `${model}!${faults}` });
    await expect(create("429-retry-after=2")).rejects.toThrow(Anthropic.RateLimitError);
    await expect(create("overloaded")).rejects.toThrow(Anthropic.InternalServerError);
    await expect(create("quota")).rejects.toMatchObject({ status: 402 });
    await expect(create("auth")).rejects.toThrow(Anthropic.AuthenticationError);
    await expect(create("reset")).rejects.toThrow(Anthropic.APIConnectionError);
  });
});
