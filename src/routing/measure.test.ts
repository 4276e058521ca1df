import { describe, expect, it } from "vitest";
import { estimateInputTokens } from "./estimate.ts";
import { chatCharacters, measureChat, measureStep } from "./measure.ts";
import { requestWith, stepWith } from "./test-support.ts";
import type { Condition } from "./types.ts";

const leaf = (expression = "a > b"): Condition => ({ kind: "leaf", expression });
const all = (...conditions: Condition[]): Condition => ({ kind: "all", conditions });
const any = (...conditions: Condition[]): Condition => ({ kind: "any", conditions });
const not = (condition: Condition): Condition => ({ kind: "not", condition });

describe("what is measured of a step", () => {
  it("is nothing for an empty one", () => {
    expect(measureStep(stepWith(), "send")).toEqual({ prompt: 0, data: 0, conditions: 0, context: 0 });
  });

  it("is the characters of name, description, prompt and parameters, in code points", () => {
    const step = stepWith({ name: "né", description: "été", prompt: "go 😀", paramsJson: '{"a":1}' });
    expect(measureStep(step, "send").prompt).toBe(2 + 3 + 4 + 7);
  });

  it("is the bytes of the parameters and of the input data", () => {
    const step = stepWith({ prompt: "not counted", paramsJson: '{"a":"é"}', inputDataBytes: 1000 });
    expect(measureStep(step, "send").data).toBe(10 + 1000);
  });

  it("is the leaves of both conditions, wherever they hang", () => {
    const step = stepWith({
      condition: all(leaf(), leaf(), any(leaf(), not(leaf()))),
      executeIf: not(all(leaf(), leaf())),
    });
    expect(measureStep(step, "conditional").conditions).toBe(4 + 2);
  });

  it("is the cases of a switch beside its conditions", () => {
    const step = stepWith({ switchCases: 5, executeIf: leaf() });
    expect(measureStep(step, "switch").conditions).toBe(6);
  });

  it("takes a condition and cases only of the steps that branch on them, execute_if of all", () => {
    const step = stepWith({ condition: all(leaf(), leaf()), executeIf: leaf(), switchCases: 3 });
    expect(measureStep(step, "generate").conditions).toBe(1);
    expect(measureStep(step, "conditional").conditions).toBe(3);
    expect(measureStep(step, "switch").conditions).toBe(6);
  });

  it("is the references anywhere in the step", () => {
    const step = stepWith({
      name: "{{ a }}",
      description: "{{ b }}",
      prompt: "{{ c }} and {{ d }}",
      paramsJson: '{"x":"{{ e }}"}',
      condition: all(leaf("{{ f }} > 1"), leaf()),
      executeIf: leaf("{{ g }}"),
    });
    expect(measureStep(step, "generate").context).toBe(7);
  });

  it("is what the caller sent, where it sent something, 0 included", () => {
    const step = stepWith({
      prompt: "{{ a }}",
      paramsJson: "{}",
      executeIf: leaf(),
      measured: { promptCharacters: 0, dataBytes: 7, conditions: 8, references: 9 },
    });
    expect(measureStep(step, "send")).toEqual({ prompt: 0, data: 7, conditions: 8, context: 9 });
    expect(measureStep({ ...step, measured: { dataBytes: 0 } }, "send")).toEqual({
      prompt: 9,
      data: 0,
      conditions: 1,
      context: 1,
    });
  });
});

describe("what is measured of chat messages", () => {
  it("is their text, with attachments as data and conditions and references as found", () => {
    const chat = { texts: ["If {{ x }} é", "unless {{ y }}"], attachmentBytes: 5000 };
    expect(measureChat(chat)).toEqual({ prompt: 12 + 14, data: 13 + 14 + 5000, conditions: 2, context: 2 });
  });

  it("is not the model's own reasoning, which is sent and counts as tokens all the same", () => {
    const reasoning = { texts: ["If {{ z }}", "é"], hasUnsigned: true, hasEncrypted: false };
    const chat = { texts: ["Hi"], attachmentBytes: 0 };
    expect(measureChat({ ...chat, reasoning })).toEqual(measureChat(chat));
    expect(chatCharacters({ ...chat, reasoning })).toBe(2 + 10 + 1);
    for (const step of [undefined, stepWith()]) {
      const request = requestWith({ step, chat: { ...chat, reasoning } });
      expect(estimateInputTokens(request, measureChat(chat).prompt)).toBe(4);
    }
  });

  it("does not join a reference over two messages", () => {
    expect(measureChat({ texts: ["{{ a", "b }}"], attachmentBytes: 0 }).context).toBe(0);
  });
});
