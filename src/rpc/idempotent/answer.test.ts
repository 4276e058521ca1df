import { create, type MessageInitShape } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Completed,
  CompletedSchema,
  type CompleteOnceResponse,
  CompleteOnceResponseSchema,
  type CompleteResponse,
  CompleteResponseSchema,
} from "../../../gen/modeltier/v1/completion_pb.js";
import { eventsOf, GatheredAnswer } from "./answer.ts";

const completed = create(CompletedSchema, { executionId: "execution-1", costNanoUsd: 42n });

const whole = (events: Iterable<CompleteResponse>): CompleteOnceResponse => {
  const gathered = new GatheredAnswer();
  let end: Completed | undefined;
  for (const message of events) {
    gathered.add(message);
    if (message.event.case === "completed") end = message.event.value;
  }
  if (end === undefined) throw new Error("the events do not end");
  return gathered.whole(end);
};

type EventInit = NonNullable<MessageInitShape<typeof CompleteResponseSchema>["event"]>;
const events = (...inits: readonly EventInit[]): CompleteResponse[] =>
  inits.map((event) => create(CompleteResponseSchema, { event }));

const text = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.integer({ min: 16_380, max: 40_000 }).map((length) => "a".repeat(length % 5) + "😀".repeat(length >> 1)),
);

/** Blocks as a stream tells them: one without a signature ends only where an encrypted one begins, or the answer. */
const anyBlocks = fc
  .array(
    fc.oneof(
      fc.record({ text, signature: fc.string({ minLength: 1 }) }),
      fc.record({ text: fc.constant(""), encrypted: fc.string({ minLength: 1 }) }),
    ),
    { maxLength: 3 },
  )
  .chain((blocks) => text.map((last) => (last === "" ? blocks : [...blocks, { text: last }])));

const anyAnswer = fc
  .record({
    text,
    reasoningBlocks: anyBlocks,
    refusal: text,
    toolCalls: fc.array(
      fc.record({ id: fc.string({ minLength: 1 }), name: fc.string({ minLength: 1 }), argumentsJson: text }),
      { maxLength: 3 },
    ),
  })
  .map((said) => {
    const reasoning = said.reasoningBlocks.map((block) => block.text).join("");
    return create(CompleteOnceResponseSchema, {
      ...said,
      reasoning,
      decision: { decisionId: "d" },
      completed,
    });
  });

describe("a kept answer", () => {
  it("says as a stream what it says as a whole: decision first, completed last, no piece larger than 16 Ki", () => {
    fc.assert(
      fc.property(anyAnswer, (answer) => {
        const stream = [...eventsOf(answer)];
        expect(whole(stream)).toEqual(answer);
        expect(stream[0]?.event.case).toBe("decision");
        expect(stream.at(-1)?.event.case).toBe("completed");
        for (const { event } of stream) {
          const piece = event.case === "textDelta" || event.case === "reasoningDelta" ? event.value.text : "";
          expect(piece.length).toBeLessThanOrEqual(16_384);
          expect(piece.isWellFormed()).toBe(true);
        }
      }),
      { numRuns: 50 },
    );
  });

  it("of an earlier version, which has no blocks, still tells its reasoning", () => {
    const old = create(CompleteOnceResponseSchema, { reasoning: "hm", completed });
    expect(whole(eventsOf(old))).toMatchObject({ reasoning: "hm", reasoningBlocks: [{ text: "hm" }] });
  });

  it("is gathered from the pieces of a stream, tool calls by their index", () => {
    const stream = events(
      { case: "decision", value: { decisionId: "d" } },
      { case: "attemptStarted", value: { attempt: 1 } },
      { case: "reasoningDelta", value: { text: "h" } },
      { case: "reasoningDelta", value: { text: "m" } },
      { case: "reasoningDelta", value: { signature: "proof" } },
      { case: "reasoningDelta", value: { encrypted: "secret" } },
      { case: "textDelta", value: { text: "Hel" } },
      { case: "toolCallDelta", value: { index: 1, id: "b", name: "send", argumentsJson: "{" } },
      { case: "textDelta", value: { text: "lo" } },
      { case: "toolCallDelta", value: { index: 0, id: "a", name: "look", argumentsJson: "{}" } },
      { case: "toolCallDelta", value: { index: 1, argumentsJson: "}" } },
      { case: "textDelta", value: { text: "I would rather not", refusal: true } },
      { case: "completed", value: completed },
    );
    expect(whole(stream)).toMatchObject({
      decision: { decisionId: "d" },
      text: "Hello",
      reasoning: "hm",
      reasoningBlocks: [
        { text: "hm", signature: "proof" },
        { text: "", encrypted: "secret" },
      ],
      refusal: "I would rather not",
      toolCalls: [
        { id: "a", name: "look", argumentsJson: "{}" },
        { id: "b", name: "send", argumentsJson: "{}" },
      ],
      completed: { executionId: "execution-1" },
    });
  });

  it("has nothing of what a reset made void", () => {
    const stream = events(
      { case: "decision", value: { decisionId: "d" } },
      { case: "textDelta", value: { text: "void" } },
      { case: "toolCallDelta", value: { index: 0, id: "void", name: "void" } },
      { case: "reset", value: { attempt: 2 } },
      { case: "textDelta", value: { text: "valid" } },
      { case: "completed", value: completed },
    );
    expect(whole(stream)).toMatchObject({ text: "valid", toolCalls: [], decision: { decisionId: "d" } });
  });
});
