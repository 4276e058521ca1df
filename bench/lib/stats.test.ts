import { expect, it } from "vitest";
import { median, percentile, slope, spread } from "./stats.ts";

it("finds the middle of odd and even numbers of values", () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([4, 1, 3, 2])).toBe(2.5);
});

it("finds percentiles by nearest rank", () => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect([percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1)]).toEqual([50, 99, 100]);
  expect(percentile([7], 0.01)).toBe(7);
});

it("gives the ends of the spread", () => {
  expect(spread([3, -1, 2])).toEqual([-1, 3]);
});

it("fits a line through points", () => {
  expect(
    slope([
      [0, 10],
      [1, 12],
      [2, 14],
    ]),
  ).toBeCloseTo(2);
  expect(
    slope([
      [0, 1],
      [1, 3],
      [2, 1],
    ]),
  ).toBeCloseTo(0);
});

it("refuses what has no answer", () => {
  expect(() => median([])).toThrow(RangeError);
  expect(() => percentile([], 0.5)).toThrow(RangeError);
  expect(() => spread([])).toThrow(RangeError);
  expect(() =>
    slope([
      [1, 1],
      [1, 2],
    ]),
  ).toThrow(RangeError);
});
