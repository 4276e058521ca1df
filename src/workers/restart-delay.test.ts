import { expect, it } from "vitest";
import { countDeath, restartDelayMs, STEADY_MS } from "./restart-delay.ts";

it("doubles the wait with every death in a row, up to ten seconds", () => {
  expect([1, 2, 3, 4, 7, 8, 2_000].map(restartDelayMs)).toEqual([100, 200, 400, 800, 6_400, 10_000, 10_000]);
});

it("begins anew after a worker that lived for a while", () => {
  expect(countDeath(0, 5)).toBe(1);
  expect(countDeath(6, STEADY_MS - 1)).toBe(7);
  expect(countDeath(6, STEADY_MS)).toBe(1);
});
