/** Training on a small made-up set: the same bytes every time, and what is there to be learned is learned. */
import { describe, expect, it } from "vitest";
import { calibratedOf } from "../../src/scoring/calibration.ts";
import { FEATURES } from "../../src/scoring/features.ts";
import { readWeights, storeWeights } from "../../src/scoring/weights.ts";
import { apgr, apgrBySource } from "./apgr.ts";
import { calibrationOf } from "./calibrate.ts";
import { outOfPart } from "./cross-validate.ts";
import { fitModel, SETTINGS, type Settings } from "./fit.ts";
import { matrixOf } from "./matrix.ts";
import { randomOf } from "./random.ts";
import type { Row } from "./rows.ts";

const FEW: Settings = { ...SETTINGS, boost: { ...SETTINGS.boost, trees: 20, leastInLeaf: 10, penalty: 5 } };
const TASKS = ["count the words of the letter", "find the town on the map", "name a bird that swims"];

/** Two sources; where a request has numbers, only the strong model is right. */
function madeUp(seed: number): Row[] {
  const random = randomOf(seed);
  return Array.from({ length: 400 }, (_, index): Row => {
    const isHard = random() < 0.5;
    const numbers = isHard ? "12, 47 and 903" : "some of them";
    const text = `${TASKS[index % TASKS.length]} with ${numbers} ${"again ".repeat(Math.floor(random() * 9))}`;
    const weak = isHard === random() < 0.9 ? 0 : 1;
    return {
      id: `made-up:${index}`,
      source: index % 2 === 0 ? "even" : "odd",
      agent: `agent-${index % 6}`,
      task: "made-up",
      fold: index % 5,
      request: { texts: [text] },
      weak,
      strong: 1,
      outcomes: {},
    };
  });
}

function train(rows: Row[]): string {
  const matrix = matrixOf(rows);
  const model = fitModel(matrix, Int32Array.from(rows.keys()), FEW);
  const calibration = calibrationOf(
    rows,
    outOfPart(matrix, ({ fold }) => fold, FEW),
  );
  return storeWeights({ features: FEATURES.map(({ name }) => name), ...model, calibration });
}

describe("training", () => {
  it("gives the same bytes for the same data, and others for others", () => {
    const weights = train(madeUp(1));
    expect(train(madeUp(1))).toBe(weights);
    expect(train(madeUp(2))).not.toBe(weights);
  });

  it("learns what it is shown, and is measured on rows it was not shown", () => {
    const rows = madeUp(3);
    const matrix = matrixOf(rows);
    const byFold = apgrBySource(
      rows,
      outOfPart(matrix, ({ fold }) => fold, FEW),
    );
    const bySource = apgrBySource(
      rows,
      outOfPart(matrix, ({ source }) => source, FEW),
    );
    expect(byFold.macro).toBeGreaterThan(0.65);
    expect(bySource.macro).toBeGreaterThan(0.65);
    // A word of its own in each row is all that could tell one from another: only who has seen the row knows it.
    const noise = randomOf(5);
    const named = rows.map((row, index) => ({
      ...row,
      request: {
        texts: [
          `the one called ${"abcdefghij".charAt(index % 10)}${"klmnopqrst".charAt((index / 10) % 10)}${"uvwxyz".charAt(index / 100)}`,
        ],
      },
      weak: noise() < 0.5 ? 0 : 1,
    }));
    const chance = apgrBySource(
      named,
      outOfPart(matrixOf(named), ({ fold }) => fold, FEW),
    );
    expect(chance.macro).toBeLessThan(0.58);
  });

  it("calibrates so that the stated shares of the traffic fall to each tier", () => {
    const rows = madeUp(4);
    const raw = Float64Array.from(rows, (_, index) => Math.sin(index) + index / 1000);
    const calibration = calibrationOf(rows, raw);
    const scores = Array.from(raw, (value) => calibratedOf(value, calibration));
    const below = (score: number) => scores.filter((own) => own < score).length / scores.length;
    expect(below(3)).toBeCloseTo(0.4, 1);
    expect(below(6.5)).toBeCloseTo(0.8, 1);
  });
});

describe("the weights' file", () => {
  const text = train(madeUp(1));

  it("reads back what was stored, and is stored again as the same bytes", () => {
    const { version, ...weights } = readWeights(text);
    expect(version).toMatch(/^[0-9a-f]{12}$/);
    expect(storeWeights(weights)).toBe(text);
  });

  it("is refused when a digit of it has changed", () => {
    expect(() => readWeights(text.replace('"toFast":0.4', '"toFast":0.5'))).toThrow(/damaged.*train again/);
  });

  it("is refused when it is of other features", () => {
    const { version: _, ...weights } = readWeights(text);
    const others = storeWeights({ ...weights, features: weights.features.with(0, "somethingElse") });
    expect(() => readWeights(others)).toThrow(/other features/);
  });
});

describe("APGR", () => {
  it("is a half for scores that say nothing, and more than that for those that know", () => {
    const gains = [1, 0, 0, 1, 0, 0, 0, 0];
    expect(apgr([5, 5, 5, 5, 5, 5, 5, 5], gains)).toBeCloseTo(0.5, 12);
    expect(apgr([9, 1, 1, 9, 1, 1, 1, 1], gains)).toBeCloseTo(0.875, 12);
    expect(apgr([1, 9, 9, 1, 9, 9, 9, 9], gains)).toBeCloseTo(0.125, 12);
  });
});
