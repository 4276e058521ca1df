import { getHeapStatistics } from "node:v8";
import { expect, it } from "vitest";
import { heapLimitBytes } from "./heap-limit.ts";

const MIB = 1024 * 1024;

it.each([
  [["--max-old-space-size=160"], 160],
  [["--max_old_space_size=512", "--enable-source-maps"], 512],
  [["--max-old-space-size=512", "--trace-warnings --max-old-space-size=256"], 256],
])("of %j is what the last of the flags says: %i MiB", (words, mebibytes) => {
  expect(heapLimitBytes(words)).toBe(mebibytes * MIB);
});

it("is V8's own where nobody says anything", () => {
  expect(heapLimitBytes(["--enable-source-maps", ""])).toBe(getHeapStatistics().heap_size_limit);
});
