import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { completeOnce } from "./complete-once.ts";
import { CALL, harness } from "./testing/harness.ts";
import { fail, finish, headers, says, send, text } from "./testing/scripted-provider.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe("an answer in one piece", () => {
  it("holds all that a stream would have brought, in order", async () => {
    const engine = harness({
      "a/one": [
        [
          headers,
          send({ kind: "reasoning", text: "let me " }, { kind: "reasoning", text: "see" }),
          send({ kind: "reasoning", text: "", signature: "proof" }),
          send(text("one "), text("two")),
          send({ kind: "tool_call", index: 0, id: "c0", name: "f", argumentsJson: "" }),
          send({ kind: "tool_call", index: 1, id: "c1", name: "g", argumentsJson: "{" }),
          send(
            { kind: "tool_call", index: 0, argumentsJson: "{}" },
            { kind: "tool_call", index: 1, argumentsJson: "}" },
          ),
          send(finish({ reason: "tool_calls" })),
        ],
      ],
    });
    expect(await completeOnce(CALL, engine.deps)).toMatchObject({
      decisionId: "id-1",
      decision: { tier: "balanced" },
      text: "one two",
      reasoning: "let me see",
      reasoningBlocks: [{ text: "let me see", signature: "proof" }],
      refusal: "",
      toolCalls: [
        { id: "c0", name: "f", argumentsJson: "{}" },
        { id: "c1", name: "g", argumentsJson: "{}" },
      ],
      completed: { finishReason: "tool_calls", costNanoUsd: 110_000n, executionId: "id-2" },
    });
  });

  it("is never half of one and half of another, whatever the caller asked for", async () => {
    const cut = [headers, send(text("Hello ")), fail("truncated")];
    const engine = harness({ "a/one": [cut], "b/two": [says("Good bye")] });
    const answer = await completeOnce({ ...CALL, delivery: "LIVE" }, engine.deps).catch(
      (error: unknown) => error,
    );
    expect(answer).toMatchObject({ text: "Good bye", completed: { served: { provider: "b" } } });
  });

  it("fails as a stream fails, and with nothing given away", async () => {
    const engine = harness({ "a/one": [[headers, send(text("Hel")), fail("byte_silence")]] });
    await expect(completeOnce(CALL, engine.deps)).rejects.toMatchObject({
      code: "UNAVAILABLE",
      partial: false,
    });
    expect(engine.executions).toHaveLength(1);
  });
});
