import { describe, expect, it } from "vitest";
import { addBounded, type BoundedMean, boundedInterval, newBoundedMean } from "./bounded-mean.ts";
import { Random } from "./testing/random.ts";
import { addUnbounded, LEAST_VALUES, NO_VALUES, unboundedInterval } from "./unbounded-mean.ts";

const RUNS = 300;
/** Three standard deviations above what alpha promises. */
const mostWrong = (alpha: number) => RUNS * alpha + 3 * Math.sqrt(RUNS * alpha * (1 - alpha));

describe("a bounded mean", () => {
  const bounded = (values: readonly number[], alpha = 0.05) =>
    values.reduce<BoundedMean>(addBounded, newBoundedMean(alpha));

  it("knows nothing before the first value, and is never outside [0, 1]", () => {
    expect(boundedInterval(newBoundedMean(0.05))).toEqual({ estimate: 0.5, lower: 0, upper: 1 });
    const { lower, upper } = boundedInterval(bounded(Array(500).fill(1)));
    expect(upper).toBe(1);
    expect(lower).toBeGreaterThan(0.95);
  });

  it.each([0.5, 0.9, 0.98])(
    "misses a mean of %d at any of 1,500 looks at most as often as promised",
    (mean) => {
      const wrong = Array.from({ length: RUNS }, (_, seed) => {
        const random = new Random(seed);
        let state = newBoundedMean(0.1);
        for (let i = 0; i < 1_500; i += 1) {
          state = addBounded(state, Number(random.is(mean)));
          const { lower, upper } = boundedInterval(state);
          if (mean < lower || mean > upper) return true;
        }
        return false;
      }).filter(Boolean).length;
      expect(wrong).toBeLessThanOrEqual(mostWrong(0.1));
    },
  );

  it("narrows with the spread of the values, not only with their number", () => {
    const width = ({ lower, upper } = boundedInterval(newBoundedMean(0.05))) => upper - lower;
    const steady = boundedInterval(bounded(Array.from({ length: 2_000 }, (_, i) => 0.5 + 0.01 * (i % 2))));
    const wild = boundedInterval(bounded(Array.from({ length: 2_000 }, (_, i) => i % 2)));
    expect(width(steady)).toBeLessThan(width(wild) / 3);
    expect(width(wild)).toBeLessThan(0.1);
  });

  it("refuses what is outside [0, 1]", () => {
    expect(() => addBounded(newBoundedMean(0.05), 1.01)).toThrow("[0, 1]");
    expect(() => addBounded(newBoundedMean(0.05), Number.NaN)).toThrow("[0, 1]");
    expect(() => newBoundedMean(0)).toThrow("alpha");
  });
});

describe("an unbounded mean", () => {
  it("says nothing before it has values enough", () => {
    const few = Array(LEAST_VALUES - 1)
      .fill(7)
      .reduce(addUnbounded, NO_VALUES);
    expect(unboundedInterval(few, 0.05)).toEqual({ estimate: 7, lower: -Infinity, upper: Infinity });
    expect(unboundedInterval(addUnbounded(few, 7), 0.05).upper).toBe(7);
  });

  it("misses the mean of heavy-tailed costs at any look at most as often as promised", () => {
    const wrong = Array.from({ length: RUNS }, (_, seed) => {
      const random = new Random(seed);
      let state = NO_VALUES;
      for (let i = 0; i < 1_500; i += 1) {
        state = addUnbounded(state, Math.exp(random.normal() - 0.5));
        const { lower, upper } = unboundedInterval(state, 0.1);
        if (1 < lower || 1 > upper) return true;
      }
      return false;
    }).filter(Boolean).length;
    expect(wrong).toBeLessThanOrEqual(mostWrong(0.1));
  });

  it("finds the mean: at 10,000 values within a twentieth", () => {
    const random = new Random(1);
    let state = NO_VALUES;
    for (let i = 0; i < 10_000; i += 1) state = addUnbounded(state, Math.exp(random.normal() - 0.5));
    const { lower, upper } = unboundedInterval(state, 0.05);
    expect(upper - lower).toBeLessThan(0.15);
    expect(Math.abs(state.mean - 1)).toBeLessThan(0.05);
    expect(() => addUnbounded(state, Infinity)).toThrow("finite");
  });
});
