import { expect, it } from "vitest";
import {
  answerFor,
  begin,
  countsOf,
  hasUnevenShares,
  isOver,
  listHarmful,
  nextSplit,
  withoutArm,
  withUnit,
} from "./experiment.ts";
import { listMeasures } from "./statistics/measures.ts";
import { Random } from "./statistics/testing/random.ts";
import type { Experiment, ExperimentState } from "./types.ts";

const arms = (...weights: readonly number[]) =>
  weights.map((weight, index) => ({ name: `arm-${index}`, weight, fields: ["scorer"], own: {} }));
const experimentWith = (...weights: readonly number[]): Experiment => ({
  experimentId: "try",
  description: "",
  unit: "request",
  arms: arms(...weights) as unknown as Experiment["arms"],
  trafficShare: 1,
  agentIds: [],
  question: { alpha: 0.05, margin: 0.03, mostSuccessLost: 0.1, mostExtraNanoUsd: 1_000_000 },
  unitWindowMs: 0,
  feedbackWaitMs: 0,
});

/** So many units of each arm, with its chance of success and its cost. */
function after(
  experiment: Experiment,
  units: number,
  truths: readonly Readonly<{ success: number; costNanoUsd: number }>[],
  seed = 1,
): ExperimentState {
  const random = new Random(seed);
  let state = begin(experiment);
  for (let unit = 0; unit < units; unit += 1) {
    truths.forEach(({ success, costNanoUsd }, index) => {
      const values = {
        success: Number(random.is(success)),
        costNanoUsd: costNanoUsd * (0.5 + random.next()),
      };
      state = withUnit(state, { arm: `arm-${index}`, split: 1, values });
    });
  }
  return state;
}

it("takes out the arm that does harm, and says why; the others go on", () => {
  const experiment = experimentWith(1, 1, 1, 1);
  const state = after(experiment, 600, [
    { success: 0.9, costNanoUsd: 1_000_000 },
    { success: 0.4, costNanoUsd: 1_000_000 },
    { success: 0.9, costNanoUsd: 9_000_000 },
    { success: 0.9, costNanoUsd: 1_000_000 },
  ]);
  expect(listHarmful(experiment, state)).toEqual([
    { arm: "arm-1", why: "success_lost" },
    { arm: "arm-2", why: "too_expensive" },
  ]);
  const left = withoutArm(withoutArm(state, "arm-1", "success_lost"), "arm-2", "too_expensive");
  expect(listHarmful(experiment, left)).toEqual([]);
  expect(isOver(experiment, left)).toBe(false);
  expect(isOver(experiment, withoutArm(left, "arm-3", "operator"))).toBe(true);
  expect(isOver(experiment, withoutArm(state, "arm-0", "operator"))).toBe(true);
});

it("holds arms to the shares that are in force, of units that began under them", () => {
  const experiment = experimentWith(9, 1);
  const truths = [
    { success: 1, costNanoUsd: 1 },
    { success: 1, costNanoUsd: 1 },
  ];
  const state = after(experiment, 300, truths);
  expect(hasUnevenShares(experiment, state)).toBe(true);
  const even = { ...experiment, arms: arms(1, 1) as unknown as Experiment["arms"] };
  const ramped = nextSplit(state);
  expect(countsOf(even, ramped)).toEqual([
    { units: 0, share: 0.5 },
    { units: 0, share: 0.5 },
  ]);
  expect(hasUnevenShares(even, ramped)).toBe(false);
  const late = withUnit(ramped, { arm: "arm-0", split: 1, values: { success: 1 } });
  expect(countsOf(even, late)[0]?.units).toBe(0);
  expect(late.evidence["arm-0"]?.units).toBe(301);
});

it("asks more of each of several arms, so that all of them together err no more often", () => {
  const two = experimentWith(1, 1);
  const five = experimentWith(1, 1, 1, 1, 1);
  const truth = { success: 0.8, costNanoUsd: 1_000 };
  const widthOf = (experiment: Experiment) => {
    const state = after(
      experiment,
      400,
      experiment.arms.map(() => truth),
    );
    const { lower, upper } = answerFor(experiment, state, "arm-1")?.success ?? { lower: 0, upper: 0 };
    return upper - lower;
  };
  expect(widthOf(five)).toBeGreaterThan(widthOf(two));
});

it("shows every metric that has a value, with the difference to the first arm", () => {
  const experiment = experimentWith(1, 1);
  let state = begin(experiment);
  for (let unit = 0; unit < 200; unit += 1) {
    state = withUnit(state, { arm: "arm-0", split: 1, values: { latencyMs: 100, fallbackRate: 0 } });
    state = withUnit(state, {
      arm: "arm-1",
      split: 1,
      values: { latencyMs: 80 + (unit % 2), quality: 0.75 },
    });
  }
  const [old, fresh] = [state.evidence["arm-0"], state.evidence["arm-1"]];
  if (old === undefined || fresh === undefined) throw new Error("no evidence");
  const measures = listMeasures(fresh, old, experiment.question);
  expect(measures.map(({ metric }) => metric)).toEqual(["quality", "latencyMs"]);
  const latency = measures.find(({ metric }) => metric === "latencyMs");
  expect(latency?.value.estimate).toBeCloseTo(80.5);
  expect(latency?.difference?.upper).toBeLessThan(0);
  expect(listMeasures(old, undefined, experiment.question)[0]).not.toHaveProperty("difference");
});
