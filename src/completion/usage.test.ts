import { describe, expect, it } from "vitest";
import type { CompletionEvent, TokenUsage } from "../providers/provider.ts";
import { OutputMeter, usageOfFinished, usageOfUnfinished } from "./usage.ts";

const REPORT: TokenUsage = {
  inputTokens: 90,
  cachedInputTokens: 30,
  cacheWriteTokens: 0,
  outputTokens: 7,
  reasoningTokens: 3,
};

function metered(...events: readonly CompletionEvent[]): OutputMeter {
  const meter = new OutputMeter();
  for (const event of events) meter.add(event);
  return meter;
}
const text = (said: string): CompletionEvent => ({ kind: "text", text: said });

describe("what a finished answer used", () => {
  it("is what the provider reported", () => {
    expect(usageOfFinished(REPORT, metered(text("abc")), 40)).toEqual({ usage: REPORT, source: "REPORTED" });
  });

  it("may be no output, when there was none", () => {
    const empty = { ...REPORT, outputTokens: 0 };
    expect(usageOfFinished(empty, metered(), 40)).toEqual({ usage: empty, source: "REPORTED" });
  });

  it("is estimated by a named method when nothing was reported", () => {
    expect(usageOfFinished(undefined, metered(text("12345678"), text("9")), 40.2)).toEqual({
      usage: { inputTokens: 41, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 3 },
      source: "ESTIMATED",
      method: "pieces_and_characters",
    });
  });

  it("is never 0 as if that were known", () => {
    const zero = { inputTokens: 0, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 0 };
    const { usage, source } = usageOfFinished(zero, metered(text("hello")), 40);
    expect(source).toBe("ESTIMATED");
    expect(usage).toMatchObject({ inputTokens: 40, outputTokens: 2 });
  });

  it("is not believed when no prompt is said to have been read", () => {
    const { usage, source } = usageOfFinished(
      { ...REPORT, inputTokens: 0, cachedInputTokens: 0 },
      metered(text("a")),
      40,
    );
    expect(source).toBe("ESTIMATED");
    expect(usage).toMatchObject({ inputTokens: 40, outputTokens: 7 });
  });

  it("keeps what was said in between when only the output is missing", () => {
    const meter = metered({ kind: "usage", usage: { ...REPORT, outputTokens: 1 } }, text("12345678"));
    expect(usageOfFinished(undefined, meter, 40)).toMatchObject({
      usage: { inputTokens: 90, cachedInputTokens: 30, outputTokens: 2 },
      source: "ESTIMATED",
    });
  });

  it.each([-1, 1.5, Number.NaN])("is not believed when it reports %f tokens", (outputTokens) => {
    const { usage, source } = usageOfFinished({ ...REPORT, outputTokens }, metered(text("a")), 40);
    expect(source).toBe("ESTIMATED");
    expect(usage).toEqual({ inputTokens: 40, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 1 });
  });
});

describe("what an unfinished answer used", () => {
  it("is at least a token for each piece that came, of any kind", () => {
    const meter = metered(
      text("a"),
      { kind: "reasoning", text: "b" },
      { kind: "tool_call", index: 0, id: "1", name: "f", argumentsJson: "" },
      { kind: "tool_call", index: 0, argumentsJson: "{}" },
      text(""),
    );
    expect(usageOfUnfinished(meter, 40, false)).toMatchObject({
      usage: { inputTokens: 40, outputTokens: 4 },
      source: "PARTIAL",
    });
  });

  it("takes the input from the report at its beginning, and the output from whichever is more", () => {
    const early = { kind: "usage", usage: { ...REPORT, outputTokens: 5 } } as const;
    expect(usageOfUnfinished(metered(early), 40, false).usage).toMatchObject({
      inputTokens: 90,
      outputTokens: 5,
    });
    expect(usageOfUnfinished(metered(early, text("x".repeat(40))), 40, false).usage.outputTokens).toBe(10);
  });

  it("is not known when it failed before it said anything, and nothing at least when it was stopped there", () => {
    expect(usageOfUnfinished(metered(), 40, false)).toMatchObject({
      usage: { inputTokens: 0 },
      source: "UNKNOWN",
    });
    expect(usageOfUnfinished(metered(), 40, true)).toMatchObject({
      usage: { inputTokens: 0 },
      source: "PARTIAL",
    });
  });
});
