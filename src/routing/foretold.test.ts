/** What the calibrated scorer foretells of a step, in a learned score and in what is recorded of it. */
import { describe, expect, it } from "vitest";
import { calibrateRecorded } from "./calibrated.ts";
import { scoreMeasured } from "./score.ts";
import { requestOf, scoringInputsOf } from "./scoring-inputs.ts";
import { CLASSIC, decisionOf, requestWith, stateWith, WHEN_ALL_WERE_SERVED } from "./test-support.ts";
import type { RoutingConfig } from "./types.ts";

const LEARNED: RoutingConfig = {
  ...CLASSIC,
  agentScore: { learn: true, serve: true, byIntent: false, halfLifeMs: 86_400_000, feedbackWaitMs: 0 },
};
const CALIBRATED: RoutingConfig = { ...LEARNED, scorer: "calibrated" };
const SERVED = stateWith({ today: WHEN_ALL_WERE_SERVED });

const EASY = "Say hello.";
const HARD = `A tank holds 240 l and loses 3/8 of it in 2 hours, then 15 % of the rest every 40 minutes. A second one takes in twice as much.
How many minutes after 9:00 do both hold the same, and what percent of the first is left? Explain each step.`;
const ask = (text: string) =>
  requestWith({ chat: { texts: [text], attachmentBytes: 0 }, agentScores: { combined: 5 } });

describe("a learned score of a step that the calibrated scorer looked at", () => {
  it("starts from what it foretells", () => {
    for (const text of [EASY, HARD]) {
      const { learned, calibrated } = decisionOf(ask(text), SERVED, CALIBRATED);
      const { fast, powerful } = learned?.tiers ?? {};
      expect((powerful?.quality ?? 0) - (fast?.quality ?? 0)).toBeCloseTo((calibrated?.benefit ?? 0) - 0.25);
    }
  });

  it("rests on the step's own score where that scorer looks on in the shadow", () => {
    const alone = decisionOf(ask(HARD), SERVED, LEARNED);
    const shadowed = decisionOf(ask(HARD), SERVED, { ...LEARNED, shadowScorer: "calibrated" });
    expect(shadowed.effectiveScore).toBe(alone.effectiveScore);
    expect(shadowed.shadow?.effectiveScore).toBe(decisionOf(ask(HARD), SERVED, CALIBRATED).effectiveScore);
  });

  it("is the same when it is made again of what was recorded, as far as that was", () => {
    const before = decisionOf(ask(HARD), SERVED, CALIBRATED);
    const inputs = scoringInputsOf(ask(HARD), before);
    expect(JSON.stringify(inputs).length).toBeLessThan(400);
    const [raw = 0, version = "", ...more] = inputs.calibrated ?? [];
    expect(more).toHaveLength(3);
    const again = (calibrated: Parameters<typeof calibrateRecorded>[0]) => {
      const known = calibrateRecorded(calibrated, CALIBRATED);
      return scoreMeasured(requestOf(inputs, "a").numbers, CALIBRATED, known && { calibrated: known });
    };
    expect(again([raw, version, ...more]).effectiveScore).toBeCloseTo(before.effectiveScore, 2);
    const ofAnEarlierRelease = again([raw, version]);
    expect(ofAnEarlierRelease.effectiveScore).toBeCloseTo(before.stepScore ?? -1, 5);
    expect(ofAnEarlierRelease.effectiveScore).not.toBeCloseTo(before.effectiveScore, 2);
  });
});
