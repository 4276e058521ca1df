/** How failures are found, made small and kept. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import fc from "fast-check";
import { afterEach, expect, it } from "vitest";
import { fuzz, type Part } from "./part.ts";

const SEED = 4_711;
const KEPT = new URL(`failures/example-${SEED}.json`, import.meta.url);
afterEach(() => rmSync(KEPT, { force: true }));

/** Breaks at every list that holds a number of 1,000 or more. */
function examplePart(tried: number[][], breaksAt = 1_000): Part<number[]> {
  return {
    name: "example",
    unit: "numbers",
    inputs: fc.array(fc.integer({ min: 0, max: 2_000 }), { minLength: 1, maxLength: 20, size: "max" }),
    usualSize: 10,
    sizeOf: ({ length }) => length,
    check: async (input) => {
      tried.push(input);
      if (input.some((number) => number >= breaksAt)) throw new Error("too much");
    },
  };
}

it("keeps the smallest input that breaks something, with the seed that found it", async () => {
  await expect(fuzz(examplePart([]), { seed: SEED, size: 1_000 })).rejects.toThrow(
    `example, seed ${SEED}: too much`,
  );
  expect(JSON.parse(readFileSync(KEPT, "utf8"))).toEqual({ found: "too much", seed: SEED, input: [1_000] });
});

it("tries the same inputs for the same seed, others for another, and about as many as were asked for", async () => {
  const [one, again, other]: number[][][] = [[], [], []];
  const done = await fuzz(examplePart(one as number[][], 9_999), { seed: 1, size: 1_000 });
  await fuzz(examplePart(again as number[][], 9_999), { seed: 1, size: 1_000 });
  await fuzz(examplePart(other as number[][], 9_999), { seed: 2, size: 1_000 });
  expect(again).toEqual(one);
  expect(other).not.toEqual(one);
  expect(done).toBeGreaterThan(700);
  expect(existsSync(KEPT)).toBe(false);
});
