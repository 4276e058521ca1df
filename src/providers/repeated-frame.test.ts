import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { getFixture } from "../../test/contract/fixtures.ts";
import { RepeatedFrame } from "./repeated-frame.ts";
import { SseDecoder } from "./sse.ts";

const CHAT = '"delta":{"content":"';
const MESSAGES = '"delta":{"type":"text_delta","text":"';

const chunk = (content: string, more: object = {}): string =>
  JSON.stringify({ id: "c1", choices: [{ index: 0, delta: { content }, finish_reason: null }], ...more });
const frame = (data: string, event = "") => ({ event, data });

/** Learns the first text and looks at the second frame. */
function afterLearning(text: string, next: { event: string; data: string }): string | undefined {
  const frames = new RepeatedFrame(CHAT);
  frames.learn(frame(chunk(text)), [{ kind: "text", text }]);
  return frames.find(next);
}

describe("a repeated frame", () => {
  it("gives its text, whatever the characters that need no escape", () => {
    expect(afterLearning("Hello", frame(chunk(" wörld 🙂 {}[]:,")))).toBe(" wörld 🙂 {}[]:,");
  });

  it("is told apart from one that differs in anything else", () => {
    expect(afterLearning("a", frame(chunk("b", { usage: null })))).toBeUndefined();
    expect(afterLearning("a", frame(chunk("b").replace("c1", "c2")))).toBeUndefined();
    expect(afterLearning("a", frame(chunk("b"), "error"))).toBeUndefined();
    expect(afterLearning("a", frame(`${chunk("b")}x`))).toBeUndefined();
    expect(afterLearning("a", frame(chunk("b").replace('"b"', "null")))).toBeUndefined();
  });

  it("is parsed when its text holds a quote, a backslash or a control character", () => {
    for (const text of ['"', "\\", "\n", "\u0000", 'a","x":"b']) {
      expect(afterLearning("a", frame(chunk(text)))).toBeUndefined();
      expect(afterLearning("a", frame(chunk("T").replace("T", text)))).toBeUndefined();
    }
  });

  it("may end in other padding", () => {
    const frames = new RepeatedFrame(CHAT);
    frames.learn(frame(chunk("a", { obfuscation: "xyz" })), [{ kind: "text", text: "a" }]);
    expect(frames.find(frame(chunk("b", { obfuscation: "q" })))).toBe("b");
    expect(frames.find(frame(chunk("b", { obfuscation: '"' })))).toBeUndefined();
    const spaced = new RepeatedFrame(MESSAGES);
    const delta = (text: string, spaces: string) =>
      frame(`{"delta":{"type":"text_delta","text":"${text}"}${spaces}}`);
    spaced.learn(delta("a", "   "), [{ kind: "text", text: "a" }]);
    expect(spaced.find(delta("b", ""))).toBe("b");
  });

  it("is never learned from a frame that came to more than its text", () => {
    const frames = new RepeatedFrame(CHAT);
    frames.learn(frame(chunk("a")), [
      { kind: "text", text: "a" },
      { kind: "reasoning", text: "b" },
    ]);
    frames.learn(frame(chunk("a")), [{ kind: "reasoning", text: "a" }]);
    frames.learn(frame(chunk("a")), []);
    expect(frames.find(frame(chunk("b")))).toBeUndefined();
  });

  it("is not learned where two places hold the text", () => {
    const twice = chunk("a", { echo: { delta: { content: "a" } } });
    const frames = new RepeatedFrame(CHAT);
    frames.learn(frame(twice), [{ kind: "text", text: "a" }]);
    expect(frames.find(frame(twice))).toBeUndefined();
  });

  it("means what parsing says it means, for any frames", () => {
    const texts = fc.array(fc.oneof(fc.string({ unit: "binary" }), fc.string()), { minLength: 2 });
    const more = fc.option(fc.dictionary(fc.string(), fc.jsonValue()), { nil: {} });
    fc.assert(
      fc.property(texts, more, (pieces, extra) => {
        const frames = new RepeatedFrame(CHAT);
        for (const text of pieces) {
          const one = frame(chunk(text, extra));
          const parsed = JSON.parse(one.data).choices?.[0]?.delta?.content;
          const found = frames.find(one);
          if (found !== undefined) expect(found).toBe(parsed);
          else if (parsed === text && text !== "") frames.learn(one, [{ kind: "text", text }]);
        }
      }),
    );
  });

  const recorded = [
    "openai/no-usage-stream.sse",
    "anthropic/cache-read-stream.sse",
    "kimi/groq-parallel-tools-stream.sse",
  ];
  it.each(recorded)("is what most frames of recorded text are: %s", (name) => {
    const { dialect, body } = getFixture(name);
    const opening = dialect === "anthropic" ? MESSAGES : CHAT;
    const frames = new RepeatedFrame(opening);
    let texts = 0;
    let found = 0;
    for (const one of new SseDecoder().push(body)) {
      const start = one.data.indexOf(opening);
      const end = start === -1 ? -1 : one.data.indexOf('"', start + opening.length);
      if (end <= start + opening.length || one.data[end - 1] === "\\") continue;
      const text = one.data.slice(start + opening.length, end);
      texts += 1;
      if (frames.find(one) === text) found += 1;
      else if (!text.includes("\\")) frames.learn(one, [{ kind: "text", text }]);
    }
    expect(texts).toBeGreaterThan(10);
    expect(found / texts).toBeGreaterThan(0.5);
  });
});
