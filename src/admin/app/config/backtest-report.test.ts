import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { BacktestReportSchema, EstimateIntervalSchema } from "../../../../gen/modeltier/v1/backtest_pb.js";
import { sayInterval, sayRange, sayRefusals, sayReport } from "./backtest-report.ts";

const known = (costNanoUsd: bigint) => ({
  costNanoUsd,
  lowestNanoUsd: costNanoUsd,
  highestNanoUsd: costNanoUsd,
});
const report = {
  executions: 1_240n,
  tierChanges: 3n,
  targetChanges: 12n,
  recorded: { cost: known(4_200_000_000n) },
  candidate: {
    cost: { costNanoUsd: 3_100_000_000n, lowestNanoUsd: 2_900_000_000n, highestNanoUsd: 3_400_000_000n },
  },
};
const say = (changes = {}) =>
  sayReport(create(BacktestReportSchema, { ...report, ...changes }), "last 30 days");

describe("a backtest in words", () => {
  it("says what it would have cost, between which bounds, and what was paid", () => {
    expect(say()).toBe(
      "The 1,240 executions of the last 30 days would have cost $3.10 ($2.90 to $3.40) instead of $4.20: 26.2 % less. 12 would have gone to another target, 3 to another tier.",
    );
  });

  it("gives no bounds to what is known", () => {
    expect(say({ candidate: { cost: known(4_200_000_000n) } })).toContain(
      "have cost $4.20 instead of $4.20. ",
    );
    expect(sayRange(create(BacktestReportSchema, { candidate: { cost: known(1n) } }).candidate?.cost)).toBe(
      "–",
    );
  });

  it("says what it leaves out", () => {
    expect(say({ withoutInputs: 7n, refused: 2n })).toMatch(
      /7 more lack what scoring needs, and are left out\. 2 would be refused, and are in neither sum\.$/,
    );
  });

  it("says that it read the newest only, when there were more than it reads", () => {
    expect(say({ executions: 99_999n, withoutInputs: 1n })).toMatch(/^The newest 100\.?0?k executions/);
  });
});

describe("how well a candidate would have done", () => {
  it("is a figure with its interval, on either scale", () => {
    const of = (value: number, lower: number, upper: number) =>
      sayInterval(create(EstimateIntervalSchema, { value, lower, upper }));
    expect(of(0.9126, 0.89, 0.9361)).toBe("0.913 (0.890 to 0.936)");
    expect(of(4.213, 3.9, 4.5)).toBe("4.21 (3.90 to 4.50)");
    expect(sayInterval(undefined)).toBe("–");
  });

  it("is refused with the reason of each that is not known", () => {
    const quality = { success: { snips: { value: 1 } }, quality: { refusal: "The overlap is thin." } };
    expect(sayRefusals(create(BacktestReportSchema, { quality }))).toEqual([
      "Rated quality is not estimated. The overlap is thin.",
    ]);
    expect(sayRefusals(create(BacktestReportSchema, {}))).toEqual([]);
  });
});
