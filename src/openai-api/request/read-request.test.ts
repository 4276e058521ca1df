import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ApiError } from "../api-error.ts";
import { toApiError } from "../errors.ts";
import { bodyWith } from "../test-support.ts";
import { readRequest } from "./read-request.ts";
import { callOf, DEPS, read, refusal, SILENT } from "./test-support.ts";

describe("sampling", () => {
  it("is taken under OpenAI's names", () => {
    const { sampling } = callOf({ temperature: 0, top_p: 0.5, seed: 7, stop: "END", max_tokens: 9 }).request;
    expect(sampling).toEqual({ temperature: 0, topP: 0.5, seed: 7, stop: ["END"], maxOutputTokens: 9 });
  });

  it("takes the output cap under its newer name, or both when they agree", () => {
    const capOf = (rest: Record<string, unknown>) => callOf(rest).request.sampling.maxOutputTokens;
    expect(capOf({ max_completion_tokens: 5 })).toBe(5);
    expect(capOf({ max_completion_tokens: 5, max_tokens: 5 })).toBe(5);
    expect(refusal({ max_completion_tokens: 5, max_tokens: 6 })).toContain(
      "max_tokens and max_completion_tokens differ",
    );
  });

  it.each([
    [{ temperature: 2.1 }, "temperature is 2.1"],
    [{ temperature: "hot" }, "temperature is not a number"],
    [{ top_p: 0 }, "top_p is 0"],
    [{ max_tokens: 0 }, "max_tokens is 0"],
    [{ max_tokens: 1.5 }, "max_tokens is not a whole number"],
    [{ seed: 0.5 }, "seed is not a whole number"],
    [{ stop: ["a", "b", "c", "d", "e"] }, "stop has more than 4 sequences"],
    [{ stop: ["a", "  "] }, "stop[1] is empty or only white space"],
    [{ stream: "yes" }, "stream is not true or false"],
  ])("%j is refused", (rest, expected) => {
    expect(refusal(rest)).toContain(`400 invalid_value ${expected.split(" ")[0]}: ${expected}`);
  });
});

describe("what stands for a RouteRequest", () => {
  it("is read of metadata, and the rest of that is recorded", () => {
    const { request, labels } = callOf({
      user: "ann",
      metadata: {
        agent_id: "researcher",
        session_id: "run-7",
        user_tier: "gold",
        intent: "summarize",
        creation_score: "3",
        execution_score: 4.5,
        combined_score: "9.25",
        budget_remaining: "20000",
        previous_failures: "2",
        minimum_tier: "balanced",
        ticket: "T-1",
      },
    });
    expect(request).toMatchObject({
      agentId: "researcher",
      sessionId: "run-7",
      userTier: "gold",
      intent: "summarize",
      agentScores: { creation: 3, execution: 4.5, combined: 9.25 },
      budgetRemainingTokens: 20_000,
      previousFailures: 2,
      constraints: { minimumTier: "balanced" },
    });
    expect(labels).toEqual({ ticket: "T-1", user: "ann" });
  });

  it("is read of headers, which win", () => {
    const headers = { "x-modeltier-agent-id": "h", "x-modeltier-intent": "INTENT_EXTRACT" };
    const { request } = callOf(
      { metadata: { agent_id: "m", intent: "summarize", session_id: "s" } },
      headers,
    );
    expect(request).toMatchObject({ agentId: "h", intent: "extract", sessionId: "s" });
  });

  it("may be left out, all of it", () => {
    expect(callOf({}).request).toMatchObject({
      agentId: "",
      intent: "unspecified",
      agentScores: {},
      previousFailures: 0,
      constraints: {},
    });
  });

  it("takes a step in the contract's JSON", () => {
    const step = JSON.stringify({ type: "INTENT_SWITCH", name: "Pick", switchCases: ["a", "b"] });
    expect(callOf({ metadata: { step } }).request.step).toMatchObject({ type: "switch", switchCases: 2 });
    expect(refusal({ metadata: { step: '{"name":7}' } })).toContain(
      "400 invalid_value metadata.step: metadata.step is not the JSON of a modeltier.v1.Step",
    );
    expect(refusal({}, { "x-modeltier-step": '{"inputDataBytes":-1}' })).toContain(
      "x-modeltier-step.input_data_bytes is -1",
    );
  });

  it.each([
    [{ combined_score: "11" }, "metadata.combined_score is 11"],
    [{ combined_score: "high" }, "metadata.combined_score is not a number"],
    [{ budget_remaining: "-1" }, "metadata.budget_remaining is -1"],
    [{ previous_failures: "0.5" }, "metadata.previous_failures is not a whole number"],
    [{ intent: "dance" }, "metadata.intent is unknown: use extract, summarize"],
    [{ minimum_tier: "best" }, "metadata.minimum_tier is unknown: use fast, balanced, powerful"],
    [{ agent_id: "a".repeat(257) }, "metadata.agent_id has 257 characters; at most 256"],
    [{ note: "a".repeat(257) }, "metadata.note has 257 characters; at most 256"],
    [{ note: ["a"] }, "metadata.note is not a string"],
    [Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, "v"])), "metadata has 17 labels"],
  ])("is refused under the name it came by", (metadata, expected) => {
    expect(refusal({ metadata })).toContain(`400 invalid_value ${expected.split(" ")[0]}: ${expected}`);
  });

  it("names the header that is wrong, and one that is misspelt", () => {
    expect(refusal({}, { "x-modeltier-combined-score": "-1" })).toContain("x-modeltier-combined-score is -1");
    expect(refusal({}, { "x-modeltier-delivry": "assured" })).toContain(
      "400 unknown_parameter x-modeltier-delivry",
    );
  });

  it("cannot ask for a tier and for a higher one at least", () => {
    expect(refusal({ model: "fast", metadata: { minimum_tier: "powerful" } })).toContain(
      "metadata.minimum_tier is above the tier that model asks for",
    );
  });
});

describe("delivery", () => {
  it("is the server's unless a header says otherwise", () => {
    expect(read({}, {}, DEPS).call.delivery).toBeUndefined();
    expect(read({}, { "x-modeltier-delivery": "assured" }).call.delivery).toBe("ASSURED");
    expect(read({}, { "x-modeltier-delivery": "Live" }).call.delivery).toBe("LIVE");
    expect(refusal({}, { "x-modeltier-delivery": "fast" })).toContain("use live or assured");
  });

  it("never starts an answer over, which no chunk could say", () => {
    expect(callOf({ stream: true }).acceptRestart).toBe(false);
  });
});

describe("fallback models", () => {
  it("are read of the body in their order, or of the header, which wins", () => {
    const models = ["openai/gpt-4o", "kimi/kimi-k2-0905-preview"];
    const fallbacks = (rest: object, headers = {}) =>
      callOf({ ...rest }, headers).request.constraints.fallbacks;
    expect(fallbacks({ models })).toEqual([
      { provider: "openai", model: "gpt-4o" },
      { provider: "kimi", model: "kimi-k2-0905-preview" },
    ]);
    expect(fallbacks({ models }, { "x-modeltier-models": "gpt-4o-mini, " })).toEqual([
      { provider: "openai", model: "gpt-4o-mini" },
    ]);
    expect(fallbacks({ models: [] })).toBeUndefined();
  });

  it("have to be known and few", () => {
    expect(refusal({ models: ["gpt-4o", "gpt-none"] })).toContain("404 model_not_found models[1]");
    expect(refusal({}, { "x-modeltier-models": "fast" })).toContain("404 model_not_found x-modeltier-models");
    expect(refusal({ models: Array(17).fill("gpt-4o") })).toContain("models has 17 models; at most 16");
  });
});

describe("a field that is not served", () => {
  it.each([
    ["n", 2, 1],
    ["logprobs", true, false],
    ["top_logprobs", 3, 0],
    ["logit_bias", { 50256: -100 }, {}],
    ["frequency_penalty", 0.5, 0],
    ["presence_penalty", -1, 0],
    ["modalities", ["text", "audio"], ["text"]],
    ["audio", { voice: "alloy", format: "wav" }, null],
    ["prediction", { type: "content", content: "x" }, null],
    ["functions", [{ name: "f" }], []],
    ["function_call", "auto", null],
    ["web_search_options", {}, null],
    ["moderation", { model: "m" }, null],
  ])("%s is refused by name, unless it asks for nothing", (name, asking, nothing) => {
    expect(refusal({ [name]: asking })).toContain(`400 unsupported_parameter ${name}`);
    expect(refusal({ [name]: nothing })).toBe("taken");
    expect(read({ [name]: nothing }).ignored).toEqual([]);
  });

  it("is ignored and named when the answer is an answer without it", () => {
    const rest = { reasoning_effort: "low", store: false, service_tier: null, whatever: 1, "a b\r\n": 1 };
    expect(read(rest).ignored).toEqual(["reasoning_effort", "whatever"]);
  });
});

describe("a stream", () => {
  it("is asked for, and its usage as well", () => {
    expect(read({})).toMatchObject({ isStreamed: false, includeUsage: false });
    expect(read({ stream: true, stream_options: { include_usage: true } })).toMatchObject({
      isStreamed: true,
      includeUsage: true,
    });
  });
});

describe("any body", () => {
  const fields = [
    "model",
    "messages",
    "tools",
    "tool_choice",
    "response_format",
    "stop",
    "metadata",
    "models",
  ];
  const shaped = fc.record(Object.fromEntries(fields.map((name) => [name, fc.jsonValue({ maxDepth: 4 })])), {
    requiredKeys: [],
  });
  const message = fc.record(
    {
      role: fc.constantFrom("system", "user", "assistant", "tool", "x"),
      content: fc.jsonValue({ maxDepth: 3 }),
      tool_calls: fc.jsonValue({ maxDepth: 4 }),
    },
    { requiredKeys: ["role"] },
  );
  const bodies = fc.oneof(
    fc.jsonValue(),
    shaped,
    fc.array(message, { maxLength: 4 }).map((messages) => bodyWith({ messages })),
  );

  it("is taken, or refused with a status of the caller's and a name", () => {
    fc.assert(
      fc.property(bodies, (body) => {
        try {
          readRequest(body, {}, DEPS);
        } catch (error) {
          const { details } = toApiError(error, SILENT);
          expect([400, 404]).toContain(details.status);
          expect(error instanceof ApiError || details.param !== undefined).toBe(true);
        }
      }),
    );
  });
});
