import { expect, it } from "vitest";
import { isSampleRatioWrong, logGamma, sampleRatioLogEvidence } from "./sample-ratio.ts";
import { Random } from "./testing/random.ts";

const two = (old: number, fresh: number, share = 0.5) => [
  { units: old, share: 1 - share },
  { units: fresh, share },
];

it("knows the gamma function", () => {
  for (const [x, factorial] of [
    [1, 1],
    [2, 1],
    [5, 24],
    [11, 3_628_800],
  ] as const) {
    expect(logGamma(x)).toBeCloseTo(Math.log(factorial), 9);
  }
  expect(logGamma(0.5)).toBeCloseTo(Math.log(Math.sqrt(Math.PI)), 9);
});

it("adds up to a fair game: under the intended shares the evidence is 1 on average, whatever has been seen", () => {
  const evidence = (a: number, b: number) => Math.exp(sampleRatioLogEvidence(two(a, b, 0.3)));
  for (const [a, b] of [
    [0, 0],
    [3, 9],
    [70, 30],
    [500, 10],
  ] as const) {
    expect((0.7 * evidence(a + 1, b) + 0.3 * evidence(a, b + 1)) / evidence(a, b)).toBeCloseTo(1, 8);
  }
});

it("says nothing of what is likely, and finds a lost twentieth of one arm", () => {
  expect(isSampleRatioWrong(two(5_050, 4_950), 0.01)).toBe(false);
  expect(isSampleRatioWrong(two(20_000, 19_000), 0.01)).toBe(true);
  expect(isSampleRatioWrong(two(7_000, 3_000, 0.3), 0.01)).toBe(false);
  expect(isSampleRatioWrong(two(3_000, 7_000, 0.3), 0.01)).toBe(true);
});

it("errs at most as often as promised although it is looked at after every unit", () => {
  const wrong = Array.from({ length: 300 }, (_, seed) => {
    const random = new Random(seed);
    const seen: [number, number] = [0, 0];
    for (let i = 0; i < 1_000; i += 1) {
      seen[Number(random.is(0.5)) as 0 | 1] += 1;
      if (isSampleRatioWrong(two(...seen), 0.1)) return true;
    }
    return false;
  }).filter(Boolean).length;
  expect(wrong).toBeLessThanOrEqual(30 + 3 * Math.sqrt(27));
});

it("refuses shares that do not sum to 1 and counts that are none", () => {
  expect(() => sampleRatioLogEvidence([{ units: 1, share: 0.4 }])).toThrow("sum to 1");
  expect(() => sampleRatioLogEvidence(two(1.5, 1))).toThrow("whole number");
});
