import fc from "fast-check";
import { expect, it } from "vitest";
import { Delivered } from "./delivered.ts";
import type { ContentEvent } from "./events.ts";
import { TranscriptCheck } from "./transcript.ts";
import { OutputMeter } from "./usage.ts";

const piece: fc.Arbitrary<ContentEvent> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("text" as const),
      text: fc.string({ minLength: 1, maxLength: 4 }),
    }),
  },
  fc.record({ kind: fc.constant("reasoning" as const), text: fc.string({ minLength: 1, maxLength: 4 }) }),
  fc.constant({ kind: "reasoning" as const, text: "", signature: "sealed" }),
  fc.record({
    kind: fc.constant("tool_call" as const),
    index: fc.nat(1),
    argumentsJson: fc.string({ minLength: 1, maxLength: 4 }),
  }),
  fc.record({
    kind: fc.constant("tool_call" as const),
    index: fc.nat(1),
    id: fc.constant("call"),
    name: fc.constant("get"),
    argumentsJson: fc.constant(""),
  }),
);
const batches = fc.array(fc.array(piece, { maxLength: 40 }), { minLength: 1, maxLength: 60 });

it("knows of a long answer what was in it, and how many tokens, though it keeps far fewer pieces", () => {
  fc.assert(
    fc.property(batches, (given) => {
      const delivered = new Delivered();
      const meter = new OutputMeter();
      for (const batch of given) {
        delivered.add(batch);
        for (const event of batch) meter.add(event);
      }
      expect(delivered.tokens).toBe(meter.outputTokens);
      expect(delivered.isEmpty).toBe(given.flat().length === 0);
      if (meter.pieces === 0) return;
      const check = new TranscriptCheck(delivered.batches);
      expect(check.take(given.flat())).toEqual([]);
      expect(check.isRepeated).toBe(true);
    }),
    { numRuns: 300 },
  );
});

it("keeps a few pieces of 100,000 that came", () => {
  const delivered = new Delivered();
  for (let token = 0; token < 100_000; token += 1) delivered.add([{ kind: "text", text: "word " }]);
  expect(delivered.batches.flat().length).toBeLessThan(1_000);
  expect(delivered.tokens).toBe(125_000);
});
