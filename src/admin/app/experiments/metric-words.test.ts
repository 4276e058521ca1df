import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import {
  ExperimentArmReportSchema,
  type ExperimentInterval,
  ExperimentIntervalSchema,
  ExperimentMetric,
} from "../../../../gen/modeltier/v1/experiment_pb.js";
import {
  type Bounded,
  findMetricWords,
  reachOf,
  sayDifference,
  sayMean,
  sayPoints,
  sayRange,
  sideOf,
} from "./metric-words.ts";

const between = (estimate: number, lower?: number, upper?: number): ExperimentInterval =>
  create(ExperimentIntervalSchema, {
    estimate,
    ...(lower !== undefined && { lower }),
    ...(upper !== undefined && { upper }),
  });

const joined = ({ value, bounds }: Bounded): string => `${value} (${bounds})`;

describe("a mean and what it lies between", () => {
  it.each([
    ["share", between(0.851, 0.82, 0.88), "85.1 % (82.0 % to 88.0 %)"],
    ["money", between(4_203_100, 4_000_000, 5_000_000), "$0.00420 ($0.00400 to $0.00500)"],
    ["time", between(412.4, 390, 1_240), "412 ms (390 ms to 1.24 s)"],
    ["time", between(412.4), "412 ms (no bounds yet)"],
    ["share", between(0.9, 0.5), "90.0 % (at least 50.0 %)"],
  ] as const)("%s", (kind, interval, text) => expect(joined(sayMean(kind, interval))).toBe(text));
});

describe("a difference", () => {
  it.each([
    ["share", between(-0.012, -0.031, 0.007), "−1.2 points (−3.1 to +0.7)"],
    ["share", between(0), "0 points (no bounds yet)"],
    ["money", between(-1_200_000, -2_000_000, 300_000), "−$0.00120 (−$0.00200 to +$0.000300)"],
    ["time", between(20, undefined, 35), "+20 ms (at most +35 ms)"],
  ] as const)("of %s has its sign, and its unit", (kind, interval, text) =>
    expect(joined(sayDifference(kind, interval))).toBe(text),
  );

  it("is said in words as well, from one end to the other", () => {
    expect(sayRange("money", between(0, -1_200_000, 300_000), ["less", "more"])).toBe(
      "$0.00120 less to $0.000300 more",
    );
    expect(sayRange("share", between(0, -1, -0.249), ["worse", "better"])).toBe(
      "24.9 points to 100 points worse",
    );
    expect(sayRange("share", between(0, 0.01), ["worse", "better"])).toBe("1 point better or above");
  });

  it("is better or worse only when all of it is on one side of zero, and cheaper is better", () => {
    const success = findMetricWords(ExperimentMetric.SUCCESS);
    const cost = findMetricWords(ExperimentMetric.COST);
    if (success === undefined || cost === undefined) throw new Error("no words");
    const less = between(-2, -3, -1);
    expect([sideOf(success, less), sideOf(cost, less)]).toEqual(["worse", "better"]);
    const more = between(2, 1, 3);
    expect([sideOf(success, more), sideOf(cost, more)]).toEqual(["better", "worse"]);
    expect(sideOf(cost, between(-2, -3, 1))).toBe("open");
    expect(sideOf(cost, between(-2, -3))).toBe("open");
  });
});

it("has a margin without digits that nobody set", () =>
  expect([sayPoints(0.03), sayPoints(0.01), sayPoints(0.025)]).toEqual([
    "3 points",
    "1 point",
    "2.5 points",
  ]));

it("draws all arms on one axis that reaches the farthest bound and the margin", () => {
  const arms = [between(0.01, -0.2, 0.1), between(0, undefined, 0.05)].map((difference) =>
    create(ExperimentArmReportSchema, { measures: [{ metric: ExperimentMetric.SUCCESS, difference }] }),
  );
  expect(reachOf(arms, ExperimentMetric.SUCCESS, 0.03)).toBeCloseTo(0.22);
  expect(reachOf(arms, ExperimentMetric.SUCCESS, 0.5)).toBeCloseTo(0.55);
  expect(reachOf([], ExperimentMetric.COST, 0)).toBe(1);
});
