import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DIALECTS, type Dialect } from "../providers/provider.ts";
import { isRecord, type JsonRecord, listOf, parseJson, recordOf, stringOf } from "./json.ts";
import { type Sandbox, startSandbox } from "./sandbox.ts";
import { type CallOptions, call, eventsOf, lastEntry, type Seen, textTokens } from "./test-support.ts";

const THINKING_MODELS: Readonly<Record<Dialect, string>> = {
  openai: "gpt-5",
  anthropic: "claude-sonnet-5-5",
  kimi: "kimi-k3",
};

/** All input, and output, as the dialect tells them. */
function told(dialect: Dialect, usage: JsonRecord): Readonly<{ input: unknown; output: unknown }> {
  if (dialect !== "anthropic") return { input: usage.prompt_tokens, output: usage.completion_tokens };
  const parts = [usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens];
  return { input: parts.reduce<number>((sum, part) => sum + Number(part), 0), output: usage.output_tokens };
}

function usageOf(dialect: Dialect, { text }: Seen): ReturnType<typeof told> {
  const whole = parseJson(text);
  if (isRecord(whole)) return told(dialect, recordOf(whole.usage));
  const places = eventsOf(text).flatMap(({ json }) => [json.usage, recordOf(listOf(json.choices)[0]).usage]);
  return told(dialect, recordOf(places.findLast(isRecord)));
}

function wholeText(dialect: Dialect, { text }: Seen): string {
  const body = recordOf(parseJson(text));
  if (dialect !== "anthropic") return stringOf(recordOf(recordOf(listOf(body.choices)[0]).message).content);
  return listOf(body.content)
    .map((block) => stringOf(recordOf(block).text))
    .join("");
}

describe("answers", () => {
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await startSandbox({ tokensPerSecond: Number.POSITIVE_INFINITY });
  });
  afterAll(() => sandbox.close());
  beforeEach(() => sandbox.ledger.clear());

  const cap = (dialect: Dialect, tokens: number): JsonRecord =>
    dialect === "openai" ? { max_tokens: undefined, max_completion_tokens: tokens } : { max_tokens: tokens };

  const streamedText = async (dialect: Dialect, options: CallOptions): Promise<string> =>
    textTokens(dialect, (await call(sandbox, dialect, options)).text).join("");

  it.each(DIALECTS)("are the same for the same request, in another sandbox too (%s)", async (dialect) => {
    const other = await startSandbox({ tokensPerSecond: Number.POSITIVE_INFINITY });
    const here = await streamedText(dialect, { prompt: "What is a queue?" });
    const there = textTokens(dialect, (await call(other, dialect, { prompt: "What is a queue?" })).text).join(
      "",
    );
    await other.close();
    expect(there).toBe(here);
    expect(await streamedText(dialect, { prompt: "What is a stack?" })).not.toBe(here);
  });

  it("are the same from every provider and model when the prompt gives a seed", async () => {
    const prompt = "Explain it. [seed=release-7] [tokens=80]";
    const texts = await Promise.all([
      ...DIALECTS.map((dialect) => streamedText(dialect, { prompt })),
      streamedText("openai", { prompt, model: "gpt-4o!none" }),
    ]);
    expect(new Set(texts).size).toBe(1);
  });

  it.each(DIALECTS)("have as many tokens as the prompt asks for, one a chunk (%s)", async (dialect) => {
    const seen = await call(sandbox, dialect, { prompt: "Go on [tokens=137]" });
    expect(textTokens(dialect, seen.text)).toHaveLength(137);
    expect(usageOf(dialect, seen).output).toBe(137);
  });

  it.each(DIALECTS)("hold CJK, emoji and joiners when the prompt asks for them (%s)", async (dialect) => {
    expect(await streamedText(dialect, { prompt: "[unicode]" })).toMatch(/你好.*👩‍👩‍👧‍👦.*𝒳/u);
  });

  it.each(DIALECTS)(
    "tell the same usage streamed and whole, and the ledger holds it: %s",
    async (dialect) => {
      const request = fc.record({
        prompt: fc.string({ maxLength: 60 }).map((text) => `Say ${text.replaceAll(/[[\]]/g, "")}`),
        tokens: fc.integer({ min: 1, max: 60 }),
        limit: fc.integer({ min: 1, max: 80 }),
        thinks: fc.boolean(),
      });
      await fc.assert(
        fc.asyncProperty(request, async ({ prompt, tokens, limit, thinks }) => {
          const options = {
            prompt: `${prompt} [tokens=${tokens}] [reasoning=5]`,
            body: cap(dialect, limit),
            ...(thinks ? { model: THINKING_MODELS[dialect] } : {}),
          };
          const streamed = await call(sandbox, dialect, options);
          const { usage } = await lastEntry(sandbox);
          const whole = await call(sandbox, dialect, { ...options, stream: false });
          const entry = await lastEntry(sandbox);
          expect(usageOf(dialect, streamed)).toEqual({
            input: usage.inputTokens,
            output: usage.outputTokens,
          });
          expect(usageOf(dialect, whole)).toEqual({
            input: entry.usage.inputTokens,
            output: entry.usage.outputTokens,
          });
          expect(entry.usage.outputTokens).toBe(Math.min(limit, tokens + (thinks ? 5 : 0)));
          expect(usage.outputTokens).toBe(entry.usage.outputTokens);
          expect(entry.usage.reasoningTokens).toBe(thinks ? Math.min(limit, 5) : 0);
          expect(textTokens(dialect, streamed.text).join("")).toBe(wholeText(dialect, whole));
        }),
        { numRuns: 25 },
      );
    },
  );

  it.each(DIALECTS)("of a limited request are the beginning of the unlimited one (%s)", async (dialect) => {
    const prompt = "Tell me more [tokens=40]";
    const whole = await streamedText(dialect, { prompt });
    const limited = await streamedText(dialect, { prompt, body: cap(dialect, 11) });
    expect(whole.startsWith(limited)).toBe(true);
  });

  it("spend a reasoning model's whole cap on reasoning when it is small", async () => {
    const seen = await call(sandbox, "openai", { model: "gpt-5", stream: false, body: cap("openai", 4) });
    expect(wholeText("openai", seen)).toBe("");
    expect(seen.text).toContain('"finish_reason":"length"');
    expect((await lastEntry(sandbox)).usage).toMatchObject({ outputTokens: 4, reasoningTokens: 4 });
  });

  it("call a tool as often as the prompt asks for", async () => {
    const tools = [{ name: "add", input_schema: { type: "object" } }];
    const seen = await call(sandbox, "anthropic", {
      stream: false,
      prompt: "add [calls=3]",
      body: { tools },
    });
    const calls = listOf(recordOf(parseJson(seen.text)).content).map(recordOf);
    expect(calls.map(({ name }) => name)).toEqual(["add", "add", "add"]);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(3);
  });

  it("cut a tool call in the middle of its arguments when the cap ends there", async () => {
    const tools = [
      {
        type: "function",
        function: { name: "add", parameters: { type: "object", required: ["first", "second"] } },
      },
    ];
    const seen = await call(sandbox, "openai", {
      stream: false,
      prompt: "add",
      body: { tools, max_tokens: 2 },
    });
    const message = recordOf(recordOf(listOf(recordOf(parseJson(seen.text)).choices)[0]).message);
    const text = stringOf(recordOf(recordOf(listOf(message.tool_calls)[0]).function).arguments);
    expect(text).toMatch(/^\{"first/);
    expect(parseJson(text)).toBeUndefined();
    expect(seen.text).toContain('"finish_reason":"length"');
  });

  it("tell Kimi's usage inside the last choice, and a second time only when asked", async () => {
    const places = async (body: JsonRecord): Promise<readonly string[]> => {
      const seen = await call(sandbox, "kimi", { body });
      return eventsOf(seen.text).flatMap(({ json }) => [
        ...(isRecord(recordOf(listOf(json.choices)[0]).usage) ? ["in choices[0]"] : []),
        ...(isRecord(json.usage) ? [`beside ${listOf(json.choices).length} choices`] : []),
      ]);
    };
    expect(await places({})).toEqual(["in choices[0]"]);
    expect(await places({ stream_options: { include_usage: true } })).toEqual([
      "in choices[0]",
      "beside 0 choices",
    ]);
  });

  it("tell OpenAI's usage only when asked, and the ledger knows that it was not told", async () => {
    const seen = await call(sandbox, "openai", { body: { stream_options: undefined } });
    expect(seen.text).not.toContain("usage");
    const entry = await lastEntry(sandbox);
    expect(entry.usageReported).toBe("none");
    expect(entry.usage.outputTokens).toBeGreaterThan(0);
  });

  describe("read the prompt's constant part from a simulated cache", () => {
    const system = "You are careful. ".repeat(400);
    const words = system.length / 4;
    const messages = (question: string) => [
      { role: "system", content: system },
      { role: "user", content: question },
    ];
    const cachedOf = async (dialect: Dialect, options: CallOptions) => {
      const seen = await call(sandbox, dialect, { stream: false, ...options });
      const usage = recordOf(recordOf(parseJson(seen.text)).usage);
      return { usage, entry: await lastEntry(sandbox) };
    };

    it("OpenAI from 1024 tokens on, in steps of 128", async () => {
      const first = await cachedOf("openai", { body: { messages: messages("One?") } });
      const second = await cachedOf("openai", { body: { messages: messages("Two?") } });
      expect(recordOf(first.usage.prompt_tokens_details).cached_tokens).toBe(0);
      expect(recordOf(second.usage.prompt_tokens_details).cached_tokens).toBe(Math.floor(words / 128) * 128);
      expect(first.entry.usage.cacheWriteTokens).toBe(0);
      const shorter = { body: { messages: [{ role: "user", content: "x".repeat(1023 * 4) }] } };
      await cachedOf("openai", shorter);
      expect((await cachedOf("openai", shorter)).entry.usage.cachedInputTokens).toBe(0);
    });

    it("OpenAI counts what it writes from gpt-5.6 on", async () => {
      const options = { model: "gpt-5.6-luna", body: { messages: messages("One?"), max_tokens: undefined } };
      const { usage, entry } = await cachedOf("openai", options);
      expect(recordOf(usage.prompt_tokens_details).cache_write_tokens).toBe(entry.usage.cacheWriteTokens);
      expect(entry.usage.cacheWriteTokens).toBeGreaterThan(1024);
    });

    it("Kimi at any size, the whole prompt when it was seen before, and no key when nothing was", async () => {
      const options = { model: "kimi-k2-0711-preview", prompt: "A short question" };
      const first = await cachedOf("kimi", options);
      const second = await cachedOf("kimi", options);
      expect("cached_tokens" in first.usage).toBe(false);
      expect(second.usage).toMatchObject({ prompt_tokens: 4, cached_tokens: 4 });
    });

    it("Anthropic at cache breakpoints only, written once and then read", async () => {
      const asked = (question: string, cached: boolean) => ({
        model: "claude-sonnet-5-5",
        body: {
          system: [
            { type: "text", text: system, ...(cached ? { cache_control: { type: "ephemeral" } } : {}) },
          ],
          messages: [{ role: "user", content: question }],
        },
      });
      expect((await cachedOf("anthropic", asked("One?", false))).usage).toMatchObject({
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: 0,
      });
      expect((await cachedOf("anthropic", asked("Two?", true))).usage).toMatchObject({
        cache_creation_input_tokens: words,
        cache_creation: { ephemeral_5m_input_tokens: words, ephemeral_1h_input_tokens: 0 },
        cache_read_input_tokens: 0,
      });
      const third = await cachedOf("anthropic", asked("Three?", true));
      expect(third.usage).toMatchObject({
        input_tokens: 2,
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: words,
      });
      expect(third.entry.usage).toMatchObject({ inputTokens: words + 2, cachedInputTokens: words });
    });

    it("Anthropic not at blocks before a breakpoint, when what follows them differs", async () => {
      const asked = (second: string) => ({
        model: "claude-sonnet-5-5",
        body: {
          system: [
            { type: "text", text: `First. ${system}` },
            { type: "text", text: second, cache_control: { type: "ephemeral", ttl: "1h" } },
          ],
        },
      });
      const first = await cachedOf("anthropic", asked("Be brief."));
      expect(recordOf(first.usage.cache_creation).ephemeral_1h_input_tokens).toBeGreaterThan(words);
      expect((await cachedOf("anthropic", asked("Be long."))).entry.usage.cachedInputTokens).toBe(0);
    });

    it("Anthropic only what is long enough for the model", async () => {
      const marked = (model: string) => ({
        model,
        body: { system: [{ type: "text", text: system, cache_control: { type: "ephemeral" } }] },
      });
      for (const [model, written] of [
        ["claude-sonnet-4-5", words],
        ["claude-3-haiku-20240307", 0],
        ["claude-haiku-4-5-20251001", 0],
      ] as const) {
        expect((await cachedOf("anthropic", marked(model))).entry.usage.cacheWriteTokens).toBe(written);
      }
    });

    it("Anthropic up to twenty blocks before a mark, and no further", async () => {
      const asked = (blocks: number) => ({
        model: "claude-sonnet-5-5",
        body: {
          system: [{ type: "text", text: `Look back. ${system}` }],
          messages: [
            {
              role: "user",
              content: Array.from({ length: blocks }, (_, index) => ({
                type: "text",
                text: `part ${index}`,
                ...(index === blocks - 1 ? { cache_control: { type: "ephemeral" } } : {}),
              })),
            },
          ],
        },
      });
      const cachedWith = async (blocks: number) =>
        (await cachedOf("anthropic", asked(blocks))).entry.usage.cachedInputTokens;
      expect(await cachedWith(1)).toBe(0);
      expect(await cachedWith(21)).toBeGreaterThan(words);
      expect(await cachedWith(43)).toBe(0);
    });

    it("not from another model's cache", async () => {
      const options = { body: { messages: messages("Once more?") } };
      await cachedOf("openai", { ...options, model: "gpt-4o" });
      const other = await cachedOf("openai", { ...options, model: "gpt-4-turbo" });
      expect(other.entry.usage.cachedInputTokens).toBe(0);
    });
  });
});
