import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DIALECTS, type Dialect } from "../providers/provider.ts";
import { sign } from "./dialects/signatures.ts";
import { COMPLETION_PATHS } from "./http-api.ts";
import type { JsonRecord } from "./json.ts";
import { parseJson, recordOf } from "./json.ts";
import { type Sandbox, startSandbox } from "./sandbox.ts";
import { type CallOptions, call } from "./test-support.ts";

const NEW_VERSION = { "anthropic-version": "2026-10-21" };
const FUNCTION = { type: "function", function: { name: "add", parameters: { type: "object" } } };
const TOOL = { name: "add", input_schema: { type: "object" } };
const user = { role: "user", content: "Hi" };
const CALLED = {
  role: "assistant",
  tool_calls: [{ id: "a", type: "function", function: { name: "add", arguments: "{}" } }],
};
const RESULT = { role: "tool", tool_call_id: "a", content: "3" };
const MARKED = { type: "text", text: "Hi", cache_control: { type: "ephemeral" } };
const signed = (thinking: string) => ({
  type: "thinking",
  thinking,
  signature: sign(thinking, "0123456789abcdef"),
});
const thought = (block: JsonRecord) => ({
  role: "assistant",
  content: [block, { type: "text", text: "So." }],
});

/** What a provider refuses, who it is, and what its message says. */
const REFUSED: readonly [string, Dialect, CallOptions, RegExp][] = [
  ["no model", "openai", { body: { model: "" } }, /model/],
  ["no messages", "kimi", { body: { messages: [] } }, /messages/],
  ["max_tokens to a reasoning model", "openai", { model: "gpt-5-nano" }, /max_completion_tokens/],
  [
    "a temperature to a reasoning model",
    "openai",
    { model: "o4-mini", body: { max_tokens: undefined, temperature: 0.2 } },
    /temperature/,
  ],
  [
    "stop to a reasoning model",
    "openai",
    { model: "gpt-6-luna", body: { max_tokens: undefined, stop: "x" } },
    /stop/,
  ],
  [
    "tools to a model that reasons by default",
    "openai",
    { model: "gpt-6-luna", body: { max_tokens: undefined, tools: [FUNCTION] } },
    /reasoning_effort/,
  ],
  ["a temperature above 2", "openai", { body: { temperature: 2.5 } }, /temperature/],
  ["five stop sequences", "openai", { body: { stop: ["a", "b", "c", "d", "e"] } }, /stop/],
  [
    "stream_options without stream",
    "openai",
    { stream: false, body: { stream_options: {} } },
    /stream_options/,
  ],
  [
    "a tool result that answers no call",
    "openai",
    { body: { messages: [user, { role: "tool", tool_call_id: "x", content: "" }] } },
    /tool_calls/,
  ],
  [
    "a tool choice that is not offered",
    "kimi",
    { body: { tools: [FUNCTION], tool_choice: { type: "function", function: { name: "sub" } } } },
    /sub/,
  ],
  ["a cap below 1", "kimi", { body: { max_tokens: 0 } }, /max_tokens/],
  [
    "another temperature than 1 to k2.6 while it thinks",
    "kimi",
    { model: "kimi-k2.6", body: { temperature: 0.6 } },
    /only 1 is allowed/,
  ],
  [
    "another temperature than 0.6 to k2.6 when it does not think",
    "kimi",
    { model: "kimi-k2.6", body: { temperature: 1, thinking: { type: "disabled" } } },
    /only 0.6 is allowed/,
  ],
  ["a temperature to k3", "kimi", { model: "kimi-k3", body: { temperature: 0.7 } }, /only 1 is allowed/],
  [
    "the developer role",
    "kimi",
    { body: { messages: [{ role: "developer", content: "x" }, user] } },
    /developer/,
  ],
  [
    "an empty assistant message",
    "kimi",
    { body: { messages: [user, { role: "assistant", content: "" }, user] } },
    /empty/,
  ],
  [
    "a forced tool while thinking",
    "kimi",
    { model: "kimi-k3", body: { tools: [FUNCTION], tool_choice: "required" } },
    /thinking/,
  ],
  ["a long stop sequence", "kimi", { body: { stop: "x".repeat(33) } }, /stop/],
  [
    "a schema whose root is no object",
    "kimi",
    { body: { response_format: { type: "json_schema", json_schema: { schema: { type: "array" } } } } },
    /root/,
  ],
  ["no max_tokens", "anthropic", { body: { max_tokens: undefined } }, /max_tokens/],
  ["no version", "anthropic", { headers: { "anthropic-version": "" } }, /anthropic-version/],
  [
    "a temperature under the newest version",
    "anthropic",
    { body: { temperature: 1 }, headers: NEW_VERSION },
    /temperature/,
  ],
  [
    "a temperature to a model of the 5 family",
    "anthropic",
    { model: "claude-haiku-5-5", body: { temperature: 1 } },
    /temperature/,
  ],
  ["a temperature above 1", "anthropic", { body: { temperature: 1.5 } }, /range/],
  ["a stop sequence of white space", "anthropic", { body: { stop_sequences: [" "] } }, /stop/],
  [
    "an assistant's message first",
    "anthropic",
    { body: { messages: [{ role: "assistant", content: "x" }] } },
    /first/,
  ],
  [
    "a forced tool to a model that always thinks",
    "anthropic",
    { model: "claude-sonnet-5-5", body: { tools: [TOOL], tool_choice: { type: "any" } } },
    /[Tt]hinking/,
  ],
  [
    "a small thinking budget",
    "anthropic",
    { body: { thinking: { type: "enabled", budget_tokens: 10 } } },
    /1024/,
  ],
  [
    "a tool result that answers no call",
    "anthropic",
    {
      body: {
        messages: [{ role: "user", content: [{ type: "tool_result", tool_use_id: "x", content: "1" }] }],
      },
    },
    /tool_use_id/,
  ],
  [
    "an effort of none to a model that cannot stop thinking",
    "openai",
    { model: "gpt-6.1-sol", body: { max_tokens: undefined, reasoning_effort: "none" } },
    /'none'/,
  ],
  [
    "an effort to a model that does not think",
    "openai",
    { body: { reasoning_effort: "none" } },
    /reasoning_effort/,
  ],
  [
    "a tool call of a thinking model without its reasoning",
    "kimi",
    { model: "kimi-k3", body: { messages: [user, CALLED, RESULT] } },
    /reasoning_content is missing .* at index 1$/,
  ],
  [
    "thinking that nobody signed",
    "anthropic",
    { body: { messages: [user, thought({ type: "thinking", thinking: "Hm", signature: "" }), user] } },
    /signature/,
  ],
  [
    "thinking that was altered",
    "anthropic",
    { body: { messages: [user, thought({ ...signed("Hm"), thinking: "Hm." }), user] } },
    /Invalid `signature`/,
  ],
  [
    "a mark on thinking",
    "anthropic",
    {
      body: {
        messages: [user, thought({ ...signed("Hm"), cache_control: { type: "ephemeral" } }), user],
      },
    },
    /thinking blocks/,
  ],
  [
    "redacted thinking of another's",
    "anthropic",
    { body: { messages: [user, thought({ type: "redacted_thinking", data: "secret" }), user] } },
    /messages\.1\.content\.0/,
  ],
  [
    "five marks",
    "anthropic",
    { body: { messages: [{ role: "user", content: Array.from({ length: 5 }, () => MARKED) }] } },
    /Found 5/,
  ],
  ["a mark on an empty text", "anthropic", { body: { system: [{ ...MARKED, text: "" }] } }, /empty text/],
];

/** The nearest requests that are fine: the refusals above are no wider than they should be. */
const TAKEN: readonly [string, Dialect, CallOptions][] = [
  [
    "the default temperature to a reasoning model",
    "openai",
    { model: "gpt-5-nano", body: { max_tokens: undefined, temperature: 1 } },
  ],
  [
    "a temperature and tools to a reasoning model that is told not to reason",
    "openai",
    {
      model: "gpt-6-luna",
      body: { max_tokens: undefined, reasoning_effort: "none", temperature: 0, tools: [FUNCTION] },
    },
  ],
  ["a temperature of 2", "openai", { body: { temperature: 2, stop: ["a", "b", "c", "d"] } }],
  ["its own temperature to k2.6", "kimi", { model: "kimi-k2.6", body: { temperature: 1 } }],
  [
    "0.6 to k2.6 when it does not think",
    "kimi",
    { model: "kimi-k2.6", body: { temperature: 0.6, thinking: { type: "disabled" } } },
  ],
  ["a forced tool without thinking", "kimi", { body: { tools: [FUNCTION], tool_choice: "required" } }],
  [
    "a tool call of a thinking model with its reasoning",
    "kimi",
    { model: "kimi-k3", body: { messages: [user, { ...CALLED, reasoning_content: "Add." }, RESULT] } },
  ],
  [
    "a tool call without reasoning when it does not think",
    "kimi",
    { model: "kimi-k2.6", body: { thinking: { type: "disabled" }, messages: [user, CALLED, RESULT] } },
  ],
  [
    "thinking with the signature it went out with",
    "anthropic",
    { body: { messages: [user, thought(signed("Hm")), user] } },
  ],
  [
    "four marks",
    "anthropic",
    { body: { messages: [{ role: "user", content: [MARKED, MARKED, MARKED, MARKED] }] } },
  ],
  ["a temperature under the older version", "anthropic", { body: { temperature: 1 } }],
  ["a key in x-api-key", "anthropic", { headers: { authorization: "", "x-api-key": "any" } }],
];

describe("what the real API would refuse, the sandbox refuses", () => {
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await startSandbox({ tokensPerSecond: Number.POSITIVE_INFINITY });
  });
  afterAll(() => sandbox.close());

  const errorOf = (text: string): JsonRecord => recordOf(recordOf(parseJson(text)).error);

  it.each(REFUSED)("%s (%s)", async (_what, dialect, options, message) => {
    const seen = await call(sandbox, dialect, options);
    expect(seen.status).toBe(400);
    expect(errorOf(seen.text)).toMatchObject({
      type: "invalid_request_error",
      message: expect.stringMatching(message),
    });
  });

  it.each(TAKEN)("but it takes %s (%s)", async (_what, dialect, options) => {
    expect((await call(sandbox, dialect, options)).status).toBe(200);
  });

  it.each(DIALECTS)("a call without a key (%s)", async (dialect) => {
    const seen = await call(sandbox, dialect, { headers: { authorization: "" } });
    expect(seen.status).toBe(401);
    expect(sandbox.ledger.entries().at(-1)).toMatchObject({ status: 401, end: "failed", costNanoUsd: 0n });
  });

  it.each(DIALECTS)("a body that is not JSON (%s)", async (dialect) => {
    const answer = await fetch(`${sandbox.url}${COMPLETION_PATHS[dialect]}`, { method: "POST", body: "{" });
    expect(answer.status).toBe(400);
    expect(errorOf(await answer.text()).message).toMatch(/JSON/);
  });

  it.each(DIALECTS)("a prompt longer than the model's context window (%s)", async (dialect) => {
    const model = {
      openai: "gpt-4o-mini",
      anthropic: "claude-haiku-4-5-20251001",
      kimi: "kimi-k2-0905-preview",
    }[dialect];
    const seen = await call(sandbox, dialect, { model, prompt: "word ".repeat(250_000) });
    expect(seen.status).toBe(400);
    expect(errorOf(seen.text).message).toMatch(/context window|too long|token limit/);
  });

  it("names the part of a fault expression that it does not understand", async () => {
    const seen = await call(sandbox, "openai", { faults: "cut=5,flood" });
    expect(seen.status).toBe(400);
    expect(errorOf(seen.text).message).toContain('"flood" is not a fault');
  });
});
