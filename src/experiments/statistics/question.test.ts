import { expect, it } from "vitest";
import { type ArmEvidence, addUnit, answer, newArmEvidence } from "./question.ts";
import { QUESTION, simulate } from "./testing/simulate.ts";

const OLD = { success: 0.85, meanNanoUsd: 1_000_000, spread: 1 };
const many = (
  runs: number,
  ...[old, fresh, options]: [typeof OLD, typeof OLD, Partial<Parameters<typeof simulate>[2]>?]
) =>
  Array.from({ length: runs }, (_, seed) =>
    simulate(old, fresh, { seed, mostUnits: 3_000, every: 20, ...options }),
  );

it("A/A: says at most as often as promised that two equal arms differ, at 150 looks each", () => {
  const runs = many(100, OLD, OLD, { toTheEnd: true });
  const mostWrong = 5 + 3 * Math.sqrt(4.75);
  expect(runs.filter(({ verdict }) => verdict !== "not known yet").length).toBeLessThanOrEqual(mostWrong);
  expect(runs.filter(({ wasCostWrong }) => wasCostWrong).length).toBeLessThanOrEqual(mostWrong);
  expect(runs.filter(({ wasSuccessWrong }) => wasSuccessWrong).length).toBeLessThanOrEqual(mostWrong);
});

it("A/B: calls an arm that is exactly at the margin no worse at most as often as promised", () => {
  const atMargin = { ...OLD, success: OLD.success - QUESTION.margin, meanNanoUsd: 200_000 };
  const adopted = many(40, OLD, atMargin, { mostUnits: 10_000, every: 100 }).filter(
    ({ verdict }) => verdict === "no worse and cheaper",
  );
  expect(adopted.length).toBeLessThanOrEqual(6);
});

it("A/B: finds the arm that is no worse and cheaper", () => {
  const runs = many(
    10,
    { ...OLD, success: 0.97 },
    { ...OLD, success: 0.97, meanNanoUsd: 400_000 },
    { mostUnits: 15_000, every: 100 },
  );
  expect(runs.map(({ verdict }) => verdict)).toEqual(Array(10).fill("no worse and cheaper"));
});

it("A/B: finds the arm that is worse, however cheap", () => {
  const runs = many(20, OLD, { ...OLD, success: 0.65, meanNanoUsd: 100_000 });
  expect(runs.map(({ verdict }) => verdict)).toEqual(Array(20).fill("worse"));
});

it("finds the arm that costs more", () => {
  const runs = many(20, OLD, { ...OLD, meanNanoUsd: 4_000_000 });
  expect(runs.map(({ verdict }) => verdict)).toEqual(Array(20).fill("not cheaper"));
});

it("believes nothing when an arm loses units", () => {
  const runs = many(20, OLD, OLD, { freshShare: 0.4 });
  expect(runs.map(({ verdict }) => verdict)).toEqual(Array(20).fill("uneven shares: believe nothing below"));
});

/** So many units, every fourth of them (or as said) a failure. */
function arm(units: number, failEvery: number, costNanoUsd: number): ArmEvidence {
  let evidence = newArmEvidence(QUESTION);
  for (let i = 0; i < units; i += 1) {
    evidence = addUnit(evidence, { success: Number(i % failEvery !== 0), costNanoUsd });
  }
  return evidence;
}
const even = [
  { units: 2_000, share: 0.5 },
  { units: 2_000, share: 0.5 },
];

it("stops an arm that loses much success or costs much, whatever else is known", () => {
  const good = arm(2_000, 10, 1_000_000);
  const uneven = [
    { units: 4_000, share: 0.5 },
    { units: 2_000, share: 0.5 },
  ];
  for (const counts of [even, uneven]) {
    expect(answer(good, arm(2_000, 2, 1_000), counts, QUESTION).verdict).toBe("stop: too much success lost");
    expect(answer(good, arm(2_000, 10, 3_000_001), counts, QUESTION).verdict).toBe("stop: too expensive");
  }
  const { mostExtraNanoUsd: _, ...unlimited } = QUESTION;
  expect(answer(good, arm(2_000, 10, 3_000_001), even, unlimited).verdict).toBe("not cheaper");
});

it("asks for both: an arm that is as good at the same cost is not called cheaper", () => {
  const [one, other] = [arm(20_000, 10, 1_000_000), arm(20_000, 10, 1_000_000)];
  const found = answer(one, other, even, QUESTION);
  expect(found.success.lower).toBeGreaterThan(-QUESTION.margin);
  expect(found.verdict).toBe("not known yet");
  expect(answer(one, arm(20_000, 10, 999_999), even, QUESTION).verdict).toBe("no worse and cheaper");
});

it("keeps evidence that survives JSON", () => {
  const evidence = arm(50, 3, 1_500);
  expect(JSON.parse(JSON.stringify(evidence))).toEqual(evidence);
  expect(evidence.costMicroUsd.mean).toBeCloseTo(1.5);
});

it("counts a unit whose price or quality nobody knows, and asks nothing of what is not there", () => {
  const evidence = addUnit(addUnit(newArmEvidence(QUESTION), { latencyMs: 20 }), {
    quality: 0.75,
    success: 1,
  });
  expect(evidence.units).toBe(2);
  expect([evidence.success.n, evidence.quality.n, evidence.latencyMs.n, evidence.costMicroUsd.n]).toEqual([
    1, 1, 1, 0,
  ]);
});
