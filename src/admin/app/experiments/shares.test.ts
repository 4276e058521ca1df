import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ExperimentReportSchema } from "../../../../gen/modeltier/v1/experiment_pb.js";
import { endsWithout, findShare, percentText, rampOf, sayShares, shareFormOf } from "./shares.ts";

const report = create(ExperimentReportSchema, {
  experiment: {
    trafficShare: 0.2,
    arms: [
      { name: "today", weight: 1 },
      { name: "kimi", weight: 3 },
      { name: "gpt", weight: 1 },
    ],
  },
  arms: [{ name: "today" }, { name: "kimi" }, { name: "gpt", stopped: true }],
});

describe("shares in a form", () => {
  it("are those of the arms that are left", () =>
    expect(shareFormOf(report)).toEqual({ traffic: "20", weights: { today: "1", kimi: "3" }, idle: 1 }));

  it("say what each arm would get of everything, where one that was taken out keeps its part unused", () => {
    expect(sayShares(shareFormOf(report))).toBe(
      "today 4.0 %, kimi 12.0 %; 84.0 % have the configuration in force",
    );
    expect(sayShares({ traffic: "100", weights: { a: "1", b: "1" }, idle: 0 })).toBe("a 50.0 %, b 50.0 %");
  });

  it.each(["", "0", "-1", "101", "a lot"])("of %j percent are none", (traffic) => {
    expect(findShare(traffic)).toBeUndefined();
    expect(sayShares({ traffic, weights: { a: "1", b: "1" }, idle: 0 })).toBeUndefined();
  });

  it("need weights above 0", () =>
    expect(sayShares({ traffic: "10", weights: { a: "1", b: "0" }, idle: 0 })).toBeUndefined());

  it("lose no digit on their way to percent and back", () => {
    for (const share of [0.07, 0.29, 0.57, 0.125, 1]) expect(findShare(percentText(share))).toBe(share);
  });

  it("are sent only where they are new", () => {
    const before = shareFormOf(report);
    expect(rampOf({ ...before, traffic: "50" }, before)).toEqual({ trafficShare: 0.5, weights: {} });
    expect(rampOf({ ...before, weights: { today: "1", kimi: "9" } }, before)).toEqual({
      weights: { kimi: 9 },
    });
  });
});

it("an experiment is over without its first arm, and with one arm alone", () => {
  const [today, kimi] = [endsWithout(report, "today"), endsWithout(report, "kimi")];
  expect([today, kimi]).toEqual([true, true]);
  const three = create(ExperimentReportSchema, { arms: [{ name: "a" }, { name: "b" }, { name: "c" }] });
  expect([endsWithout(three, "a"), endsWithout(three, "c")]).toEqual([true, false]);
});
