import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Dialect } from "../providers/provider.ts";
import { isRecord, type JsonRecord, parseJson, recordOf } from "./json.ts";
import { RECORDINGS_FOLDER } from "./recordings.ts";
import { type Sandbox, startSandbox } from "./sandbox.ts";
import { call, eventsOf } from "./test-support.ts";

/** Every path to a value with its kind: "choices[].delta.content:string". Numbers and text are not compared, nor is order. */
function shapeOf(value: unknown, path = ""): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((item) => shapeOf(item, `${path}[]`));
  if (!isRecord(value)) return [`${path}:${value === null ? "null" : typeof value}`];
  const entries = Object.entries(value);
  return entries.length === 0
    ? [`${path}:{}`]
    : entries.flatMap(([key, inner]) => shapeOf(inner, `${path}.${key}`));
}

const shapesOf = (frames: readonly JsonRecord[]): ReadonlySet<string> =>
  new Set(frames.map((frame) => shapeOf(frame).toSorted().join(" ")));

const recorded = (dialect: Dialect, file: string): string =>
  readFileSync(new URL(`${dialect}/${file}`, RECORDINGS_FOLDER), "utf8");

const framesOf = (text: string): readonly JsonRecord[] =>
  eventsOf(text.replaceAll("\r\n", "\n"))
    .filter(({ data }) => data !== "[DONE]")
    .map(({ json }) => json);

const TOOLS = (names: readonly string[]) =>
  names.map((name) => ({
    type: "function",
    function: { name, parameters: { type: "object", properties: { place: { type: "string" } } } },
  }));
const ANTHROPIC_TOOLS = [
  { name: "weather", input_schema: { type: "object", properties: { place: { type: "string" } } } },
];

describe("what the sandbox sends has the shape of what the providers sent", () => {
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await startSandbox({ tokensPerSecond: Number.POSITIVE_INFINITY });
  });
  afterAll(() => sandbox.close());

  const streams: readonly [Dialect, string, string, JsonRecord][] = [
    ["openai", "text-stream.sse", "gpt-4o-mini", {}],
    ["openai", "no-usage-stream.sse", "gpt-3.5-turbo", { stream_options: undefined }],
    ["openai", "length-stream.sse", "gpt-4o-mini", { max_tokens: 16 }],
    ["openai", "parallel-tool-calls-stream.sse", "gpt-4o-mini", { tools: TOOLS(["add", "multiply"]) }],
    ["openai", "tool-call-stream.sse", "gpt-4o", { tools: TOOLS(["add"]) }],
    ["openai", "reasoning-stream.sse", "gpt-5", { max_tokens: undefined }],
    ["openai", "reasoning-tool-stream.sse", "gpt-5", { max_tokens: undefined, tools: TOOLS(["add"]) }],
    ["anthropic", "text-stream.sse", "claude-sonnet-4-5", {}],
    ["kimi", "k2-0905-abridged-stream.sse", "kimi-k2-0905-preview!none", {}],
    ["kimi", "thinking-stream.sse", "kimi-k2-thinking", {}],
  ];

  it.each(streams)("%s %s", async (dialect, file, model, body) => {
    const prompt = "Use add and multiply";
    // A prompt that was seen before is a cached one, as it is in the recordings that name cached tokens.
    const seenBefore = dialect === "kimi" && file === "thinking-stream.sse";
    if (seenBefore) await call(sandbox, dialect, { model, prompt, body });
    const seen = await call(sandbox, dialect, { model, prompt, body });
    expect(shapesOf(framesOf(seen.text))).toEqual(shapesOf(framesOf(recorded(dialect, file))));
  });

  it("anthropic thinking-tool-stream.sse, and its tool blocks say no less", async () => {
    const seen = await call(sandbox, "anthropic", {
      model: "claude-sonnet-4-20250514",
      prompt: "Use weather",
      body: { thinking: { type: "enabled", budget_tokens: 2000 }, tools: ANTHROPIC_TOOLS },
    });
    const theirs = shapesOf(
      framesOf(recorded("anthropic", "thinking-tool-stream.sse")).map(withoutNewerFields),
    );
    expect(shapesOf(framesOf(seen.text).map(withoutNewerFields))).toEqual(theirs);
  });

  it("pads Anthropic's events with spaces before the last brace, as the recordings are", async () => {
    const padded = / +\}\n\n/;
    expect(recorded("anthropic", "text-stream.sse")).toMatch(padded);
    expect((await call(sandbox, "anthropic")).text).toMatch(padded);
  });

  const bodies: readonly [Dialect, string, string, JsonRecord][] = [
    ["openai", "text.json", "gpt-4o-mini", {}],
    ["openai", "refusal.json", "gpt-4o!refusal", {}],
    [
      "openai",
      "reasoning-parallel-tools.json",
      "gpt-5",
      { max_tokens: undefined, tools: TOOLS(["add", "fct"]) },
    ],
    ["anthropic", "text.json", "claude-sonnet-4-20250514", {}],
    ["kimi", "text-cached.json", "kimi-k2-0711-preview", {}],
    ["kimi", "tool-call.json", "kimi-k2-thinking", { tools: TOOLS(["add_fct"]) }],
    ["openai", "error-400-max-tokens-unsupported.json", "gpt-5-nano", {}],
    ["openai", "error-401-invalid-key.json", "gpt-4o!auth", {}],
    ["openai", "error-404-model-not-found.json", "gpt-4o!model-404", {}],
    ["openai", "error-429-insufficient-quota.json", "gpt-4o!quota", {}],
    ["openai", "error-429-rate-limit.json", "gpt-4o!429", {}],
    ["openai", "error-400-context-length.json", "gpt-4o!context-length", {}],
    ["anthropic", "error-400-temperature.json", "claude-sonnet-4-6", { temperature: -5 }],
    ["anthropic", "error-401-auth.json", "claude-sonnet-4-6!auth", {}],
    ["anthropic", "error-404-model.json", "claude-sonnet-4-6!model-404", {}],
    ["anthropic", "error-529-overloaded.json", "claude-sonnet-4-6!overloaded", {}],
    ["kimi", "error-400-content-filter.json", "kimi-k2.6!content-filter", {}],
    ["kimi", "error-400-temperature.json", "kimi-k2.6", { temperature: 0.3 }],
    ["kimi", "error-401-auth.json", "kimi-k2.6!auth", {}],
    ["kimi", "error-403-quota-inactive.json", "kimi-k2.6!quota", {}],
    ["kimi", "error-404-model.json", "kimi-k2.6!model-404", {}],
    ["kimi", "error-429-engine-overloaded.json", "kimi-k2.6!overloaded", {}],
    ["kimi", "error-429-rpm.json", "kimi-k2.6!429", {}],
  ];

  it.each(bodies)("%s %s", async (dialect, file, model, body) => {
    const options = { model, prompt: "Use add_fct", stream: false, body };
    await call(sandbox, dialect, options);
    const { text } = await call(sandbox, dialect, options);
    const theirs = recordOf(parseJson(recorded(dialect, file)));
    expect(shapeOf(parseJson(text)).toSorted()).toEqual(shapeOf(theirs).toSorted());
  });
});

/** Fields that only one side of 2025 and 2026 has: the recording's `caller`, and the thinking tokens told since. */
function withoutNewerFields(frame: JsonRecord): JsonRecord {
  const block = recordOf(frame.content_block);
  const usage = recordOf(frame.usage);
  return {
    ...frame,
    ...("content_block" in frame ? { content_block: { ...block, input: 0, caller: 0 } } : {}),
    ...("usage" in frame ? { usage: { ...usage, output_tokens_details: 0 } } : {}),
  };
}
