import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { EngineEvent } from "../../completion/events.ts";
import {
  completed,
  decided,
  failed,
  framesOf,
  KIMI,
  MINI,
  onceAnswer,
  started,
  text,
} from "../test-support.ts";
import { ChunkWriter } from "./chunks.ts";
import { knownOf } from "./progress.ts";
import { headersOf, usageOf } from "./report.ts";
import { wholeAnswer } from "./whole.ts";

const CREATED = 1_700_000_000;

type Chunk = Readonly<{
  model: string;
  choices: readonly { delta: Record<string, unknown>; finish_reason: string | null }[];
  usage?: unknown;
  modeltier?: Record<string, unknown>;
}>;

/** Every frame that the events become; each has to be JSON but the last. */
function chunksOf(events: readonly EngineEvent[], includeUsage = false): readonly (Chunk | "[DONE]")[] {
  const writer = new ChunkWriter({ created: CREATED, includeUsage });
  return framesOf(writer.write(events)).map((frame) => (frame === "[DONE]" ? frame : JSON.parse(frame)));
}
const deltasOf = (events: readonly EngineEvent[]) =>
  chunksOf(events).map((chunk) => (chunk === "[DONE]" ? chunk : chunk.choices[0]?.delta));

describe("a stream", () => {
  it("says the role first and once, then what comes, then why it ended", () => {
    const chunks = chunksOf([decided, started(1), text("Hel"), text("lo"), completed()]);
    expect(chunks).toEqual([
      expect.objectContaining({
        id: "chatcmpl-0a1b2c3d",
        object: "chat.completion.chunk",
        created: CREATED,
        model: "kimi/kimi-k2-0905-preview",
        choices: [
          {
            index: 0,
            delta: { role: "assistant", content: "", refusal: null },
            logprobs: null,
            finish_reason: null,
          },
        ],
      }),
      expect.objectContaining({ choices: [expect.objectContaining({ delta: { content: "Hel" } })] }),
      expect.objectContaining({ choices: [expect.objectContaining({ delta: { content: "lo" } })] }),
      expect.objectContaining({
        choices: [{ index: 0, delta: {}, logprobs: null, finish_reason: "stop" }],
      }),
      "[DONE]",
    ]);
    expect(chunks.every((chunk) => chunk === "[DONE]" || !("usage" in chunk))).toBe(true);
  });

  it("says a tool call's id and name once, with its first piece", () => {
    const first: EngineEvent = { kind: "tool_call", index: 1, id: "c1", name: "look", argumentsJson: "" };
    const more: EngineEvent = { kind: "tool_call", index: 1, argumentsJson: '{"a":1}' };
    expect(deltasOf([decided, first, more]).slice(1)).toEqual([
      {
        tool_calls: [{ index: 1, id: "c1", type: "function", function: { name: "look", arguments: "" } }],
      },
      { tool_calls: [{ index: 1, function: { arguments: '{"a":1}' } }] },
    ]);
  });

  it("keeps reasoning and refusals apart from the answer", () => {
    const events: EngineEvent[] = [
      decided,
      { kind: "reasoning", text: "Hm" },
      { kind: "refusal", text: "No" },
    ];
    expect(deltasOf(events).slice(1)).toEqual([{ reasoning_content: "Hm" }, { refusal: "No" }]);
  });

  it("gives reasoning whole at the end of an answer that calls tools, and at no other", () => {
    const thought: EngineEvent[] = [
      decided,
      { kind: "reasoning", text: "H" },
      { kind: "reasoning", text: "m" },
      { kind: "reasoning", text: "", signature: "proof" },
      { kind: "reasoning", text: "", encrypted: "secret" },
    ];
    const called: EngineEvent = { kind: "tool_call", index: 0, id: "c1", name: "look", argumentsJson: "{}" };
    const deltas = deltasOf([...thought, called, completed()]);
    expect(deltas.slice(1, 3)).toEqual([{ reasoning_content: "H" }, { reasoning_content: "m" }]);
    expect(deltas.slice(4)).toEqual([
      {
        reasoning_details: [
          { type: "reasoning.text", text: "Hm", signature: "proof", format: "anthropic-claude-v1", index: 0 },
          { type: "reasoning.encrypted", data: "secret", format: "anthropic-claude-v1", index: 1 },
        ],
      },
      {},
      "[DONE]",
    ]);
    expect(JSON.stringify(deltasOf([...thought, text("Hi"), completed()]))).not.toContain(
      "reasoning_details",
    );
  });

  it("has the usage in one more chunk when asked, and null in every other", () => {
    const chunks = chunksOf([decided, started(1), text("Hi"), completed()], true);
    const last = chunks.at(-2) as Chunk;
    expect(last).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 100, completion_tokens: 7 },
      modeltier: { execution_id: "0a1b2c3d", cost_nano_usd: "184500", attempts: 1, overhead_ms: 1.235 },
    });
    for (const chunk of chunks.slice(0, -2)) expect(chunk).toHaveProperty("usage", null);
  });

  it("names the model that answers, also when another has taken over", () => {
    const before = [decided, started(1), failed(1), started(2, MINI), text("Hel")];
    const after = [failed(2, MINI), started(3, KIMI), text("lo"), completed()];
    const models = chunksOf([...before, ...after]).flatMap((chunk) =>
      chunk === "[DONE]" ? [] : chunk.model,
    );
    expect(models).toEqual([
      "openai/gpt-4o-mini",
      "openai/gpt-4o-mini",
      "kimi/kimi-k2-0905-preview",
      "kimi/kimi-k2-0905-preview",
    ]);
  });

  it("says the role even of an answer that is empty", () => {
    expect(deltasOf([decided, completed()])).toEqual([
      expect.objectContaining({ role: "assistant" }),
      {},
      "[DONE]",
    ]);
  });

  it("gives any text back as it came, however it is cut", () => {
    const piece = fc.string({ unit: "binary", minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const deltas = deltasOf([decided, ...pieces.map(text), completed()]);
        const said = deltas.map((delta) => (typeof delta === "object" ? (delta.content ?? "") : ""));
        expect(said.join("")).toBe(pieces.join(""));
      }),
    );
  });
});

describe("a whole answer", () => {
  it("has OpenAI's shape, the served model and the usage", () => {
    expect(wholeAnswer(onceAnswer(), CREATED)).toMatchObject({
      id: "chatcmpl-0a1b2c3d",
      object: "chat.completion",
      created: CREATED,
      model: "kimi/kimi-k2-0905-preview",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: "Hello", refusal: null },
          logprobs: null,
          finish_reason: "stop",
        },
      ],
      usage: { prompt_tokens: 100, completion_tokens: 7, total_tokens: 107 },
    });
  });

  it("has no content when it only calls tools or refuses, and says either in its own place", () => {
    const toolCalls = [{ id: "c1", name: "look", argumentsJson: "{}" }];
    const messageOf = (changes: object) => wholeAnswer(onceAnswer(changes), CREATED).choices[0]?.message;
    expect(messageOf({ text: "", toolCalls, reasoning: "Hm" })).toEqual({
      role: "assistant",
      content: null,
      refusal: null,
      reasoning_content: "Hm",
      tool_calls: [{ id: "c1", type: "function", function: { name: "look", arguments: "{}" } }],
    });
    expect(messageOf({ text: "", refusal: "No." })).toMatchObject({ content: null, refusal: "No." });
    expect(messageOf({ text: "" })).toMatchObject({ content: "", refusal: null });
  });
});

describe("usage", () => {
  it("counts what was cached as part of the prompt, and what the served attempt used alone", () => {
    const lost = completed().attempts[0] ?? expect.unreachable();
    const served = completed({}, { reasoningTokens: 4, tokens: { ...lost.tokens, outputTokens: 9 } })
      .attempts[0];
    expect(usageOf(completed({ attempts: [lost, served ?? lost] }))).toEqual({
      prompt_tokens: 100,
      completion_tokens: 9,
      total_tokens: 109,
      prompt_tokens_details: { cached_tokens: 20, cache_write_tokens: 10 },
      completion_tokens_details: { reasoning_tokens: 4 },
    });
  });

  it("says nothing of reasoning where the provider said nothing", () => {
    expect(usageOf(completed())).not.toHaveProperty("completion_tokens_details");
  });
});

describe("headers", () => {
  it("say what is known: all of it for a whole answer", () => {
    expect(headersOf(knownOf(onceAnswer()), ["verbosity"])).toEqual({
      "x-request-id": "0a1b2c3d",
      "x-modeltier-execution-id": "0a1b2c3d",
      "x-modeltier-tier": "balanced",
      "x-modeltier-provider": "kimi",
      "x-modeltier-model": "kimi-k2-0905-preview",
      "x-modeltier-attempts": "1",
      "x-modeltier-dropped": "verbosity",
      "x-modeltier-cost-nano-usd": "184500",
      "x-modeltier-overhead-ms": "1.235",
    });
  });

  it("have no cost when a price is unknown: 0 would be a lie", () => {
    const answer = onceAnswer({ completed: completed({ priceStatus: "UNKNOWN", costNanoUsd: 0n }) });
    expect(headersOf(knownOf(answer), [])).not.toHaveProperty("x-modeltier-cost-nano-usd");
    expect(wholeAnswer(answer, CREATED).modeltier).not.toHaveProperty("cost_nano_usd");
    expect(wholeAnswer(answer, CREATED).modeltier.price_status).toBe("UNKNOWN");
  });

  it("can carry any model's name", () => {
    const served = { provider: "ollama", model: "modèle\u{1f999}:7b\ud800" };
    const headers = headersOf(knownOf(onceAnswer({ completed: completed({ served }) })), []);
    expect(headers["x-modeltier-model"]).toBe("mod%C3%A8le%F0%9F%A6%99:7b%EF%BF%BD");
  });
});
