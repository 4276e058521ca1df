/** The calibrated scorer in a decision: it picks the tier, or looks on in the shadow. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canRescore, rescore } from "../backtest/rescore.ts";
import { shippedWeights } from "../scoring/weights.ts";
import { scoreMeasured, scoreRequest } from "./score.ts";
import { requestOf, scoringInputsOf } from "./scoring-inputs.ts";
import {
  CLASSIC,
  decisionOf,
  requestWith,
  stateWith,
  stepWith,
  WHEN_ALL_WERE_SERVED,
} from "./test-support.ts";
import type { RoutingConfig } from "./types.ts";

const CALIBRATED: RoutingConfig = { ...CLASSIC, scorer: "calibrated" };
const SHADOWED: RoutingConfig = { ...CLASSIC, shadowScorer: "calibrated" };
const SERVED = stateWith({ today: WHEN_ALL_WERE_SERVED });

const EASY = "Say hello.";
const HARD = `A train leaves at 7:15 and travels 120 km at 80 km/h, waits 12 minutes, then returns at 3/4 of that speed. A second train leaves
40 minutes later from the other end at 95 km/h. If each stops twice as often on the way back, how many minutes after 9:00 do they meet, and what
percent of the first train's way is left? Explain each step, then prove that no other answer is possible.`;

const ask = (text: string, combined = 5) =>
  requestWith({ chat: { texts: [text], attachmentBytes: 0 }, agentScores: { combined } });
const texts = fc.oneof(
  fc.constantFrom(EASY, HARD),
  fc.string({ minLength: 1, maxLength: 300, unit: "grapheme" }),
);

describe("a configuration with the calibrated scorer", () => {
  it("scores the step by what is in the text, and says what moved it", () => {
    const [easy, hard] = [EASY, HARD].map((text) => decisionOf(ask(text), SERVED, CALIBRATED));
    expect(hard?.stepScore).toBeGreaterThan((easy?.stepScore ?? 10) + 2);
    expect(hard?.reason).toMatch(/x S [\d.]+ \(calibrated: [\p{L} ,]+ [+-][\d.]+, [\p{L} ,]+ [+-][\d.]+\)/u);
    expect(hard?.scorer).toEqual({ name: "calibrated", version: shippedWeights().version });
  });

  it("blends that score with the agent's, and its contributions sum to it", () => {
    fc.assert(
      fc.property(texts, fc.double({ min: 0, max: 10, noNaN: true }), (text, agent) => {
        const decision = decisionOf(ask(text, agent), SERVED, CALIBRATED);
        const score = decision.stepScore ?? -1;
        expect(decision.effectiveScore).toBeCloseTo(0.6 * agent + 0.4 * score, 5);
        const sum = decision.calibrated?.contributions.reduce((all, { points }) => all + points, 0);
        expect(sum).toBeCloseTo(score, 6);
      }),
      { numRuns: 50 },
    );
  });

  it("lets more traffic below 3.0 where its share of fast is larger", () => {
    const under = (fastShare: number) =>
      scoreRequest(ask(HARD), { ...CALIBRATED, calibration: { fastShare, powerfulShare: 0.05 } }).step
        ?.score ?? -1;
    const scores = [0.1, 0.5, 0.9].map(under);
    expect(scores).toEqual(scores.toSorted((one, other) => other - one));
    expect(new Set(scores).size).toBe(3);
  });

  it("looks at a step's words as it does at a conversation's", () => {
    const scoreOf = (prompt: string) =>
      scoreRequest(requestWith({ step: stepWith({ prompt }) }), CALIBRATED).step?.score ?? -1;
    expect(scoreOf(HARD)).toBeGreaterThan(scoreOf(EASY));
  });
});

it("a step that is nothing but counts has its classic score, whichever scorer decides", () => {
  const counted = requestWith({ step: stepWith({ measured: { promptCharacters: 9_000, conditions: 12 } }) });
  const { calibrated, step } = scoreRequest(counted, CALIBRATED);
  expect(calibrated).toBeUndefined();
  expect(step).toEqual(scoreRequest(counted, CLASSIC).step);
});

describe("a scorer in the shadow", () => {
  it("says what it would have come to, and decides nothing", () => {
    fc.assert(
      fc.property(texts, (text) => {
        const plain = decisionOf(ask(text), SERVED, CLASSIC);
        const { shadow, calibrated, ...shadowed } = decisionOf(ask(text), SERVED, SHADOWED);
        expect(shadowed).toEqual(plain);
        const decided = decisionOf(ask(text), SERVED, CALIBRATED);
        expect(shadow).toEqual({
          scorer: "calibrated",
          stepScore: decided.stepScore,
          effectiveScore: decided.effectiveScore,
          tier: scoreRequest(ask(text), CALIBRATED).tier,
          differs: scoreRequest(ask(text), CALIBRATED).tier !== scoreRequest(ask(text), CLASSIC).tier,
        });
        expect(calibrated).toEqual(decided.calibrated);
      }),
      { numRuns: 30 },
    );
  });

  it("may be the classic one behind the calibrated one", () => {
    const { shadow } = decisionOf(ask(HARD), SERVED, { ...CALIBRATED, shadowScorer: "classic" });
    expect(shadow?.effectiveScore).toBe(decisionOf(ask(HARD), SERVED, CLASSIC).effectiveScore);
  });

  it("costs nothing where there is none: the text is not looked at", () => {
    expect(decisionOf(ask(HARD), SERVED, CLASSIC)).not.toHaveProperty("calibrated");
  });
});

describe("a recorded execution", () => {
  const recorded = (config: RoutingConfig) =>
    scoringInputsOf(ask(HARD), decisionOf(ask(HARD), SERVED, config));
  const candidate = (config: RoutingConfig) => ({ config, state: SERVED, billedBy: config.catalogue });

  it("holds no text, and is decided by the calibrated scorer again as it was", () => {
    const inputs = recorded(SHADOWED);
    expect(JSON.stringify(inputs)).not.toContain("train");
    expect(canRescore(inputs, candidate(CALIBRATED))).toBe(true);
    const before = decisionOf(ask(HARD), SERVED, CALIBRATED);
    const { numbers } = requestOf(inputs, "a");
    expect(scoreMeasured(numbers, CALIBRATED, {}).step?.score).not.toBe(before.stepScore); // the raw score is what it takes
    const execution = {
      id: "x",
      agentId: "a",
      inputs,
      tier: before.tier,
      createdAt: new Date(),
      isPriced: true,
      costNanoUsd: 1n,
      served: before.targets[0],
      tokens: { freshInputTokens: 1, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 1 },
    };
    expect(rescore(execution as never, candidate(CALIBRATED))?.target).toEqual(before.targets[0]);
  });

  it("cannot be decided by it again when it was not looked at, or with other weights", () => {
    const inputs = recorded(CLASSIC);
    expect(canRescore(inputs, candidate(CALIBRATED))).toBe(false);
    expect(canRescore({ ...inputs, calibrated: [1, "others"] }, candidate(CALIBRATED))).toBe(false);
    expect(canRescore(inputs, candidate(CLASSIC))).toBe(true);
  });
});
