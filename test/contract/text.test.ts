import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { finishOf, textOf } from "./ask.ts";
import { WHOLE_STREAMS } from "./fixtures.ts";
import { bytes, cut } from "./scripted-transport.ts";
import { DIALECTS, delta, frames, hearBytes, STREAM_OF, stop } from "./streams.ts";

describe("S11 text survives any cutting", () => {
  const text = "漢字と👩🏽‍🚀👨‍👩‍👧‍👦 é — 🇯🇵";

  it.each(DIALECTS)("%s, cut in two at each byte", async (dialect) => {
    const stream = bytes(STREAM_OF[dialect](text));
    for (let at = 0; at <= stream.length; at += 1) {
      const heard = await hearBytes(dialect, [stream.subarray(0, at), stream.subarray(at)]);
      expect(textOf(heard)).toBe(text);
      expect(finishOf(heard)).toMatchObject({ reason: "stop", skippedFrames: 0 });
    }
  });

  it.each(DIALECTS)("%s, any text in any pieces", async (dialect) => {
    const anyText = fc.string({
      unit: fc.constantFrom("漢", "é", "👩🏽‍🚀", "\u200d", "a", "\n", "\u2028", '"'),
    });
    await fc.assert(
      fc.asyncProperty(anyText, fc.integer({ min: 1, max: 9 }), async (written, size) => {
        const heard = await hearBytes(dialect, cut(bytes(STREAM_OF[dialect](written)), size));
        expect(textOf(heard)).toBe(written);
        expect(finishOf(heard)).toBeDefined();
      }),
    );
  });

  it.each(DIALECTS)("S12 %s: invalid UTF-8 becomes U+FFFD", async (dialect) => {
    const [before = "", after = ""] = STREAM_OF[dialect]("a|b").split("|");
    const heard = await hearBytes(dialect, [bytes(before), Uint8Array.of(0xf0, 0x9f), bytes(after)]);
    expect(textOf(heard)).toBe("a\uFFFDb");
    expect(textOf(heard).isWellFormed()).toBe(true);
  });
});

describe("S13 line ends and comments change nothing", () => {
  const VARIANTS: Readonly<Record<string, (body: string) => string>> = {
    CRLF: (body) => body.replaceAll("\n", "\r\n"),
    CR: (body) => body.replaceAll("\n", "\r"),
    "a byte order mark": (body) => `\uFEFF${body}`,
    "comments between frames": (body) => `:\n\n${body.replaceAll("\n\n", "\n\n: OPENROUTER PROCESSING\n\n")}`,
    "comments inside frames": (body) => body.replaceAll("data:", ": keep-alive\ndata:"),
    "unknown fields": (body) => body.replaceAll("data:", "id: 1\nretry: 5\ndata:"),
  };
  it.each(Object.entries(VARIANTS))("%s", async (_name, vary) => {
    for (const { dialect, body } of WHOLE_STREAMS) {
      const plain = await hearBytes(dialect, [body]);
      const varied = await hearBytes(dialect, cut(bytes(vary(body.toString("utf8"))), 7));
      expect(varied.events).toEqual(plain.events);
    }
  });
});

describe("tokens that arrive together stay together", () => {
  it("one batch for each arrival", async () => {
    const first = bytes(frames(delta({ content: "a" }), delta({ content: "b" })));
    const second = bytes(frames(delta({ content: "c" }), stop, "[DONE]"));
    const heard = await hearBytes("openai", [first, second]);
    expect(heard.batches.map((batch) => batch.map(({ kind }) => kind))).toEqual([
      ["text", "text"],
      ["text", "finish"],
    ]);
  });
});
