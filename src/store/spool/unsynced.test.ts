import { describe, expect, it } from "vitest";
import type { RecordText } from "../record-text.ts";
import { mostFrameBytes, writeFrame } from "./frame.ts";
import { Unsynced } from "./unsynced.ts";

const textOf = (id: number): RecordText => ({
  executionId: `execution-${id}`,
  execution: `{"n":${id},"text":"${"ü".repeat(id % 500)}"}`,
  attempts: "{}",
  charges: "",
});

function add(unsynced: Unsynced, from: number, to: number): void {
  for (let id = from; id < to; id += 1) {
    const text = textOf(id);
    const buffer = Buffer.alloc(8 + mostFrameBytes(text));
    unsynced.add(buffer, 8, writeFrame(buffer, 8, id % 2 === 0 ? "intent" : "final", text));
  }
}

const idsOf = (unsynced: Unsynced) => unsynced.records().map(({ text }) => text.executionId);
const ids = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => `execution-${from + at}`);

describe("what is not on the disk yet", () => {
  it("comes back as it was, in order, however much there is", () => {
    const unsynced = new Unsynced();
    add(unsynced, 0, 3_000);
    expect(unsynced.byteLength).toBeGreaterThan(1024 * 1024);
    expect(idsOf(unsynced)).toEqual(ids(0, 3_000));
    expect(unsynced.records()[1_001]).toEqual({ kind: "final", text: textOf(1_001) });
  });

  it("goes from the front once it is there, and what came meanwhile stays", () => {
    const unsynced = new Unsynced();
    for (let round = 0; round < 20; round += 1) {
      add(unsynced, round * 100, round * 100 + 50);
      const bytes = unsynced.byteLength;
      add(unsynced, round * 100 + 50, round * 100 + 100);
      unsynced.drop(bytes);
      expect(idsOf(unsynced)).toEqual(ids(round * 100 + 50, round * 100 + 100));
      unsynced.drop(unsynced.byteLength);
      expect(unsynced.byteLength).toBe(0);
    }
  });

  it("keeps its records while it grows under load and shrinks after it", () => {
    const unsynced = new Unsynced();
    add(unsynced, 0, 5_000);
    const bytes = unsynced.byteLength;
    add(unsynced, 5_000, 5_010);
    unsynced.drop(bytes);
    for (let left = 0; left < 10; left += 1) unsynced.drop(0);
    expect(idsOf(unsynced)).toEqual(ids(5_000, 5_010));
  });
});
