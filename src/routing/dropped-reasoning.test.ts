/** What each dialect's models take back of the reasoning of earlier answers, and what the decision says of the rest. */
import { describe, expect, it } from "vitest";
import { CURRENT, decisionOf, requestWith, stateWith } from "./test-support.ts";
import type { ReasoningInput } from "./types.ts";

const UNSIGNED: ReasoningInput = { texts: ["Hm"], hasUnsigned: true, hasEncrypted: false };
const SIGNED: ReasoningInput = { ...UNSIGNED, hasUnsigned: false };
const ENCRYPTED: ReasoningInput = { texts: [""], hasUnsigned: false, hasEncrypted: true };

/** Why reasoning does not go to the model; undefined when all of it does. */
function droppedBy(provider: string, model: string, reasoning?: ReasoningInput): string | undefined {
  const request = requestWith({
    chat: { texts: ["Hi"], attachmentBytes: 0, ...(reasoning && { reasoning }) },
    constraints: { target: { provider, model } },
  });
  const [target] = decisionOf(request, stateWith({ sandbox: true }), CURRENT).targets;
  expect(target.model).toBe(model);
  return target.dropped.find(({ name }) => name === "reasoning")?.detail;
}

describe("the reasoning of earlier answers", () => {
  it.each([
    ["anthropic", "claude-sonnet-5-5", "only reasoning that its provider signed", undefined, undefined],
    ["anthropic", "claude-haiku-5-5", "no reasoning", "no reasoning", "no reasoning"],
    ["kimi", "kimi-k3", undefined, undefined, "encrypted"],
    ["kimi", "kimi-k2-0905-preview", "no reasoning", "no reasoning", "no reasoning"],
    ["openai", "gpt-6-luna", "no reasoning", "no reasoning", "no reasoning"],
    ["openai", "gpt-4o", "no reasoning", "no reasoning", "no reasoning"],
  ])("%s/%s: unsigned, signed and encrypted", (provider, model, unsigned, signed, encrypted) => {
    const wanted = [unsigned, signed, encrypted];
    [UNSIGNED, SIGNED, ENCRYPTED].forEach((reasoning, index) => {
      const why = wanted[index];
      const dropped = droppedBy(provider, model, reasoning);
      if (why === undefined) expect(dropped).toBeUndefined();
      else expect(dropped).toContain(why);
    });
  });

  it("is not spoken of where there is none", () => {
    expect(droppedBy("openai", "gpt-4o")).toBeUndefined();
  });
});
