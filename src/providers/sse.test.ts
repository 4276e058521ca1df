import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ServerSentEvent, SseDecoder, SseLimitError } from "./sse.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text, "utf8");

function decode(chunks: readonly Uint8Array[], limit?: number): ServerSentEvent[] {
  const decoder = new SseDecoder(limit);
  return chunks.flatMap((chunk) => decoder.push(chunk));
}

const decodeText = (...texts: readonly string[]): ServerSentEvent[] => decode(texts.map(bytes));
const message = (data: string): ServerSentEvent => ({ event: "", data });

/** What a stream means, whichever way it is written. Each is also tried with every single cut in two. */
const GOLDEN: readonly (readonly [name: string, stream: string, events: readonly ServerSentEvent[]])[] = [
  ["LF", "data: a\n\ndata: b\n\n", [message("a"), message("b")]],
  ["CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", [message("a"), message("b")]],
  ["CR", "data: a\r\rdata: b\r\r", [message("a"), message("b")]],
  ["mixed line ends", "data: a\r\n\ndata: b\r\r\ndata: c\n\r", [message("a"), message("b"), message("c")]],
  ["LF then CR, which are two line ends", "data: a\n\rdata: b\n\r", [message("a"), message("b")]],
  ["a byte order mark at the start", "\uFEFFdata: a\n\n", [message("a")]],
  ["a byte order mark later, which is part of the name", "data: a\n\n\uFEFFdata: b\n\n", [message("a")]],
  ["two byte order marks, of which one is the name's", "\uFEFF\uFEFFdata: a\n\ndata: b\n\n", [message("b")]],
  ["comments", ": hi\n\n:\ndata: a\n: ping\n\n", [message("a")]],
  ["several data lines", "data: a\ndata: b\ndata:\ndata: c\n\n", [message("a\nb\n\nc")]],
  [
    "an event name, for one event only",
    "event: x\ndata: a\n\ndata: b\n\n",
    [{ event: "x", data: "a" }, message("b")],
  ],
  ["an event name without data, which is nothing", "event: x\n\ndata: a\n\n", [message("a")]],
  ["only one space is taken off", "data:a\n\ndata:  b\n\n", [message("a"), message(" b")]],
  ["a field without a colon", "data\n\n", [message("")]],
  ["unknown fields", "id: 7\nretry: 10\nfoo: bar\ndata: a\n\n", [message("a")]],
  ["colons in the value", 'data: {"a":"b:c"}\n\n', [message('{"a":"b:c"}')]],
  ["no blank line at the end", "data: a\n\ndata: b\n", [message("a")]],
  ["no line end at the end", "data: a\n\ndata: b", [message("a")]],
  ["characters of two, three and four bytes", "data: é漢👩‍👩‍👧\n\n", [message("é漢👩‍👩‍👧")]],
];

describe("server-sent events", () => {
  it.each(GOLDEN)("reads %s", (_name, stream, events) => {
    expect(decodeText(stream)).toEqual(events);
  });

  it.each(GOLDEN)("reads %s the same wherever the bytes are cut in two", (_name, stream, events) => {
    const whole = bytes(stream);
    for (let cut = 0; cut <= whole.length; cut += 1) {
      expect(decode([whole.subarray(0, cut), whole.subarray(cut)]), `cut at ${cut}`).toEqual(events);
    }
  });

  it("reads the same events from any cutting of any stream", () => {
    const line = fc.constantFrom(
      "data: a",
      "data: 漢字👩🏽‍🚀é",
      "data:",
      "event: x",
      ": c",
      "",
      "id: 1",
      "data: b: c",
    );
    const ending = fc.constantFrom("\n", "\r\n", "\r");
    const stream = fc.array(fc.tuple(line, ending), { maxLength: 12 }).map((lines) => lines.flat().join(""));
    fc.assert(
      fc.property(stream, fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 20 }), (text, cuts) => {
        const whole = bytes(text);
        const points = [
          0,
          ...cuts.map((cut) => Math.min(cut, whole.length)).sort((a, b) => a - b),
          whole.length,
        ];
        const pieces = points.slice(1).map((point, index) => whole.subarray(points[index], point));
        expect(decode(pieces)).toEqual(decode([whole]));
      }),
    );
  });

  it("hands out an event at the blank line's CR, without waiting for an LF that may follow", () => {
    expect(decodeText("data: a\r\r")).toEqual([message("a")]);
    expect(decodeText("data: a\r\n\r", "\n", "data: b\r\n\r\n")).toEqual([message("a"), message("b")]);
  });

  it("keeps events that arrived in one chunk in one array", () => {
    expect(new SseDecoder().push(bytes("data: a\n\ndata: b\n\ndata: c\n\n"))).toHaveLength(3);
  });

  it("replaces invalid UTF-8 by U+FFFD and goes on", () => {
    const stream = Buffer.concat([bytes("data: a"), Buffer.from([0xff]), bytes("b\n\ndata: c\n\n")]);
    expect(decode([stream])).toEqual([message("a\uFFFDb"), message("c")]);
  });

  it("replaces a character cut short by a line end once", () => {
    const stream = Buffer.concat([bytes("data: a"), Buffer.from([0xf0, 0x9f, 0x98]), bytes("\n\n")]);
    expect(decode(Array.from(stream, (byte) => Uint8Array.of(byte)))).toEqual([message("a\uFFFD")]);
  });

  it("never throws on random bytes", () => {
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 64 })), (chunks) => void decode(chunks)));
  });

  it("refuses a line longer than the limit, ended or not, in one piece or in many", () => {
    const long = `data: ${"a".repeat(100)}`;
    expect(() => decode([bytes(long)], 50)).toThrow(SseLimitError);
    expect(() => decode([bytes(`${long}\n\n`)], 50)).toThrow(SseLimitError);
    expect(() =>
      decode(
        Array.from(bytes(long), (byte) => Uint8Array.of(byte)),
        50,
      ),
    ).toThrow(SseLimitError);
    expect(() => decode([bytes(`: ${"a".repeat(100)}`)], 50)).toThrow(SseLimitError);
  });

  it("refuses an event longer than the limit though each of its lines is short", () => {
    expect(() => decode([bytes("data: aaaa\n".repeat(20))], 50)).toThrow(SseLimitError);
  });

  it("counts the limit anew for every event", () => {
    expect(decode([bytes("data: aaaa\n\n".repeat(50))], 50)).toHaveLength(50);
  });
});
