import fc from "fast-check";
import { expect, it } from "vitest";
import { calibratedOf, shareBelow } from "./calibration.ts";

const quantiles = Array.from({ length: 99 }, (_, index) => (index + 1) / 100);
const calibration = { quantiles, toFast: 0.4, toBalanced: 0.8 };

it("puts 3.0 where the share for fast ends and 6.5 where that for balanced does", () => {
  expect(calibratedOf(0.4, calibration)).toBeCloseTo(3, 9);
  expect(calibratedOf(0.8, calibration)).toBeCloseTo(6.5, 9);
  expect(calibratedOf(0.6, calibration)).toBeCloseTo(4.75, 9);
});

it("never leaves 0 to 10, and never turns the order round", () => {
  fc.assert(
    fc.property(
      fc.double({ min: -50, max: 50, noNaN: true }),
      fc.double({ min: 0, max: 50, noNaN: true }),
      (raw, more) => {
        const low = calibratedOf(raw, calibration);
        const high = calibratedOf(raw + more, calibration);
        expect(low).toBeGreaterThanOrEqual(0);
        expect(high).toBeLessThanOrEqual(10);
        expect(high).toBeGreaterThanOrEqual(low);
      },
    ),
  );
});

it("keeps requests beyond the last quantile apart", () => {
  expect(shareBelow(1.1, quantiles)).toBeGreaterThan(shareBelow(1.05, quantiles));
  expect(shareBelow(-0.1, quantiles)).toBeLessThan(shareBelow(-0.05, quantiles));
});

it("bears quantiles that coincide", () => {
  const share = shareBelow(
    1,
    Array.from({ length: 99 }, () => 1),
  );
  expect(share).toBeGreaterThan(0);
  expect(share).toBeLessThan(1);
});
