import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Bucket, PERCENTILE_ERROR, percentilesOf } from "./percentiles.ts";

const bucketed = (ms: number): Bucket => ({ bucket: Math.ceil(8 * Math.log2(ms)), count: 1n });

describe("percentiles from buckets", () => {
  it("are off by 4.4 % at most", () => {
    const durations = fc.array(fc.double({ min: 1.0001, max: 900_000, noNaN: true }), {
      minLength: 1,
      maxLength: 300,
    });
    fc.assert(
      fc.property(durations, (all) => {
        const sorted = all.toSorted((a, b) => a - b);
        const { count, values } = percentilesOf(all.map(bucketed));
        expect(count).toBe(BigInt(all.length));
        const found = { 50: values?.p50Ms, 95: values?.p95Ms, 99: values?.p99Ms };
        for (const [percent, ms = 0] of Object.entries(found)) {
          const exact = sorted[Math.ceil((all.length * Number(percent)) / 100) - 1] ?? 0;
          expect(Math.abs(ms / exact - 1)).toBeLessThanOrEqual(PERCENTILE_ERROR + 1e-9);
        }
      }),
    );
    expect(PERCENTILE_ERROR).toBeCloseTo(0.0443, 4);
  });

  it("are none where nothing was counted", () => {
    expect(percentilesOf([])).toEqual({ count: 0n });
  });
});
