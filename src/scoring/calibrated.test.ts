import { describe, expect, it } from "vitest";
import { PRESETS } from "../routing/presets.ts";
import { selectTier } from "../routing/tier.ts";
import { calibratedScore } from "./calibrated.ts";
import type { ScorableRequest } from "./types.ts";
import { shippedWeights } from "./weights.ts";

const asked = (text: string): ScorableRequest => ({ texts: [text] });
const tierOf = (request: ScorableRequest) =>
  selectTier(calibratedScore(request).score, PRESETS.classic.thresholds);

const WEATHER = {
  name: "get_weather",
  description: "Current weather of a city",
  parametersJson: '{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}',
};
const CALENDAR = {
  name: "create_event",
  description: "Adds a meeting to the calendar",
  parametersJson: '{"type":"object","properties":{"title":{"type":"string"},"day":{"type":"string"}}}',
};

describe("decisions of the shipped weights", () => {
  it.each([
    ["Who wrote the novel Emma?", "fast"],
    ["where is the eiffel tower", "fast"],
    ["Which orbits a star?", "fast"],
    ["Write a python function to find the longest palindromic substring of a given string.", "powerful"],
    [
      "Maria buys 3 boxes of 12 pencils, gives a third of them to her brother, loses twice as many as she gave to her sister, who got 4, and then buys half as many again as she had left. How many pencils does she have, and how many more than her brother?",
      "powerful",
    ],
  ] as const)("%s: %s", (text, tier) => {
    expect(tierOf(asked(text))).toBe(tier);
  });

  it("asks for a stronger model the more there is to do with the tools offered", () => {
    const tools = [WEATHER, CALENDAR];
    const one = calibratedScore({ ...asked("What is the weather in Paris?"), tools });
    const many = calibratedScore({
      ...asked(
        "What is the weather in Paris? What is the weather in Rome? Also, add a meeting to the calendar for Monday, and another one for Tuesday. Finally, what is the weather in Oslo?",
      ),
      tools,
    });
    expect(many.score).toBeGreaterThan(one.score);
  });

  it("keeps difficulty and benefit apart: a fact that few models know is harder than a common one, and a stronger model helps less", () => {
    const trivia = calibratedScore(asked("In which English county is the town of Ludlow?"));
    const common = calibratedScore(asked("Which of these materials conducts heat best?"));
    expect(trivia.difficulty).toBeGreaterThan(common.difficulty);
    expect(trivia.benefit).toBeLessThan(common.benefit);
  });
});

describe("an explanation", () => {
  const request = asked(
    "Explain step by step why 0.1 + 0.2 is not 0.3 in JavaScript, and write a function that adds decimals.",
  );

  it("sums to the score, the usual request first and then what moved it most", () => {
    const { score, contributions } = calibratedScore(request);
    expect(contributions.reduce((sum, { points }) => sum + points, 0)).toBeCloseTo(score, 9);
    const [usual, ...moved] = contributions;
    expect(usual?.what).toBe("a usual request");
    const sizes = moved.map(({ points }) => Math.abs(points));
    expect(sizes).toEqual(sizes.toSorted((one, other) => other - one));
    expect(sizes.length).toBeGreaterThan(5);
  });

  it("says how familiar the request is", () => {
    const familiar = calibratedScore(
      asked("Write a python function to find the sum of all odd numbers in a list."),
    );
    const strange = calibratedScore(asked("Ⱦ ".repeat(400)));
    expect(familiar.familiarity).toBeGreaterThan(0.5);
    expect(strange.familiarity).toBe(0);
  });

  it("does not take a conversation or an attachment for a stranger", () => {
    const text = "Write a python function to find the sum of all odd numbers in a list.";
    const alone = calibratedScore(asked(text)).familiarity;
    expect(calibratedScore({ texts: ["", text], messages: 7 }).familiarity).toBeCloseTo(alone, 1);
    expect(
      calibratedScore({ ...asked(text), attachments: { count: 3, bytes: 200 } }).familiarity,
    ).toBeCloseTo(alone, 1);
  });
});

describe("calibration", () => {
  const request = asked("Who wrote the novel Emma?");
  const weights = shippedWeights();

  it("lets a configuration say which share of the training traffic is below 3.0", () => {
    const shipped = calibratedScore(request, weights);
    const thrifty = calibratedScore(request, weights, {
      ...weights.calibration,
      toFast: 0.6,
      toBalanced: 0.95,
    });
    const lavish = calibratedScore(request, weights, {
      ...weights.calibration,
      toFast: 0.01,
      toBalanced: 0.02,
    });
    expect(thrifty.score).toBeLessThan(shipped.score);
    expect(lavish.score).toBeGreaterThan(shipped.score);
    expect(thrifty.benefit).toBe(shipped.benefit);
  });
});
