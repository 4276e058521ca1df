import { expect, it } from "vitest";
import { inBursts, LONG_TOKENS, streamedEvents, tokensOf, wholeAnswer } from "./answers.ts";
import { seededColumn } from "./database.ts";
import { FrameReader } from "./frame-counter.ts";
import { grpcFrame, promptOf } from "./workloads.ts";

const frame = (type: number, length: number): Buffer => {
  const bytes = Buffer.alloc(9 + length);
  bytes.writeUIntBE(length, 0, 3);
  bytes[3] = type;
  return bytes;
};

it("counts DATA frames through chunks that end anywhere, and leaves empty ones out", () => {
  const bytes = Buffer.concat([frame(1, 20), frame(0, 5), frame(0, 0), frame(0, 300), frame(3, 4)]);
  const reader = new FrameReader();
  let counted = 0;
  for (const byte of bytes) counted += reader.read(Buffer.of(byte));
  expect(counted).toBe(2);
  expect(new FrameReader().read(bytes)).toBe(2);
});

it("puts the length before a gRPC message", () => {
  expect([...grpcFrame(Uint8Array.of(7, 8, 9))]).toEqual([0, 0, 0, 0, 3, 7, 8, 9]);
});

const textOf = (stream: string): string =>
  stream
    .split("\n\n")
    .filter((event) => event.startsWith("data: {"))
    .map((event) => JSON.parse(event.slice("data: ".length)).choices[0]?.delta.content ?? "")
    .join("");

it("gives the same text whole, streamed and in bursts", () => {
  const events = streamedEvents(LONG_TOKENS);
  const bursts = inBursts(events);
  const text = JSON.parse(wholeAnswer(LONG_TOKENS)).choices[0].message.content;
  expect(events).toHaveLength(LONG_TOKENS);
  expect(bursts).toHaveLength(5);
  expect(bursts.join("")).toBe(events.join(""));
  expect(textOf(events.join(""))).toBe(text);
  expect(text).toBe(tokensOf(LONG_TOKENS).join(""));
});

it("makes prompts of the size asked for", () => {
  expect(Buffer.byteLength(promptOf(2_048))).toBe(2_048);
});

it("varies what tells stored rows apart and copies the rest", () => {
  expect(seededColumn("execution_id")).toContain("n");
  expect(seededColumn("model")).toBe('one."model"');
});
