/** From rows to a model of them. */

import type { Model } from "../../src/scoring/calibrated.ts";
import { type Head, LEAF, type Scaling, scaled, TREE_NODES, type Trees } from "../../src/scoring/model.ts";
import { BUCKETS } from "../../src/scoring/words.ts";
import { type Binned, type BoostSettings, binned, boost } from "./boost.ts";
import { workloadsFrom } from "./familiar.ts";
import { generalWeights } from "./general.ts";
import type { Matrix } from "./matrix.ts";
import { sparseRidge } from "./ridge.ts";
import type { Row } from "./rows.ts";
import { balancedWeights, centredBySource, meanOverSources } from "./targets.ts";

export type Settings = Readonly<{
  boost: BoostSettings;
  phrasePenalty: number;
  /** The share of a difference between sources that is taken for one between the models compared; 0 to 1. */
  centring: number;
  /** What trees and phrases count for in the familiar part. */
  shares: Readonly<{ trees: number; phrases: number }>;
  difficultyShare: number;
}>;

export const SETTINGS: Settings = {
  boost: { trees: 220, rate: 0.04, rowShare: 0.7, featureShare: 0.3, leastInLeaf: 60, penalty: 50, seed: 7 },
  phrasePenalty: 5,
  centring: 0.3,
  shares: { trees: 0.9, phrases: 0.3 },
  difficultyShare: 0.2,
};

export type Fitted = Model;

const benefitOf = (row: Row): number => row.strong - row.weak;
const difficultyOf = (row: Row): number => 1 - row.weak;

/** @param own the rows to learn from, by index */
export function fitModel(matrix: Matrix, own: Int32Array, settings: Settings): Fitted {
  const weights = balancedWeights(matrix.rows, own);
  const scaling = scalingOf(matrix, own, weights);
  const bins = binned(matrix.columns.map((column) => Float32Array.from(own, (row) => column[row] ?? 0)));
  const learn = (of: (row: Row) => number) => headOf(matrix, own, of, { weights, scaling, bins }, settings);
  return {
    scaling,
    workloads: workloadsFrom(matrix, own),
    benefit: learn(benefitOf),
    difficulty: learn(difficultyOf),
    difficultyShare: settings.difficultyShare,
  };
}

type Prepared = Readonly<{ weights: Float64Array; scaling: Scaling; bins: Binned }>;

function headOf(
  matrix: Matrix,
  own: Int32Array,
  of: (row: Row) => number,
  { weights, scaling, bins }: Prepared,
  { boost: boosting, phrasePenalty, centring, shares }: Settings,
): Head {
  const { rows, columns, buckets } = matrix;
  const all = centredBySource(rows, own, of, centring);
  const counted = Float64Array.from(own, (row) => weights[row] ?? 0);
  const targets = lessTheirMean(
    Float64Array.from(own, (row) => all[row] ?? 0),
    counted,
  );
  const everyone = Int32Array.from(own, (_, index) => index);
  const trees = boost(bins, everyone, targets, counted, boosting);
  const standard = columns.map((column, index) =>
    Float64Array.from(own, (row) =>
      scaled(column[row] ?? 0, scaling.mean[index] ?? 0, scaling.deviation[index] ?? 0),
    ),
  );
  const sources = Array.from(own, (row) => rows[row]?.source ?? "");
  const general = generalWeights(matrix, own, standard, of);
  const phrases = sparseRidge(
    Array.from(own, (row) => buckets[row] as Int32Array),
    BUCKETS,
    targets,
    counted,
    phrasePenalty,
  );
  let largest = 0;
  for (const weight of phrases) largest = Math.max(largest, Math.abs(weight));
  const unit = largest / 127 || 1;
  return {
    intercept: meanOverSources(rows, own, of),
    linear: scaledToTargets(general, standard, targets, counted, sources),
    trees: sharedTrees(trees, shares.trees),
    phrases: Int8Array.from(phrases, (weight) => Math.round(weight / unit)),
    phraseUnit: Math.fround(unit * shares.phrases),
  };
}

/** What all rows share is the intercept's, and no word's. */
function lessTheirMean(targets: Float64Array, counted: Float64Array): Float64Array {
  let mean = 0;
  for (const [row, target] of targets.entries()) mean += ((counted[row] ?? 0) * target) / targets.length;
  return targets.map((target) => target - mean);
}

/** So that the line foretells the targets within a source, as they are meant: the weights' own scale says nothing. */
function scaledToTargets(
  weights: Float64Array,
  standard: readonly Float64Array[],
  targets: Float64Array,
  counted: Float64Array,
  sources: readonly string[],
): Float32Array {
  const line = Float64Array.from(targets, (_, row) => {
    let sum = 0;
    for (const [index, weight] of weights.entries()) sum += weight * (standard[index]?.[row] ?? 0);
    return sum;
  });
  const means = new Map<string, { sum: number; count: number }>();
  for (const [row, source] of sources.entries()) {
    const { sum, count } = means.get(source) ?? { sum: 0, count: 0 };
    means.set(source, { sum: sum + (line[row] ?? 0), count: count + 1 });
  }
  let along = 0;
  let squares = 0;
  for (const [row, value] of line.entries()) {
    const { sum, count } = means.get(sources[row] ?? "") ?? { sum: 0, count: 1 };
    const differs = value - sum / count;
    along += (counted[row] ?? 0) * differs * (targets[row] ?? 0);
    squares += (counted[row] ?? 0) * differs ** 2;
  }
  return Float32Array.from(weights, (weight) => (squares === 0 ? 0 : (weight * along) / squares));
}

/** Without the values that all rows share: a tree that does not split says nothing. */
function sharedTrees({ feature, threshold, value }: Trees, share: number): Trees {
  const values = value.map((own, node) => (feature[node - (node % TREE_NODES)] === LEAF ? 0 : share * own));
  return { feature, threshold, value: values };
}

function scalingOf({ columns }: Matrix, own: Int32Array, weights: Float64Array): Scaling {
  const mean = new Float32Array(columns.length);
  const deviation = new Float32Array(columns.length);
  for (const [index, column] of columns.entries()) {
    let sum = 0;
    let squares = 0;
    for (const row of own) {
      const value = column[row] ?? 0;
      sum += (weights[row] ?? 0) * value;
      squares += (weights[row] ?? 0) * value * value;
    }
    const average = sum / own.length;
    const variance = squares / own.length - average * average;
    mean[index] = average;
    deviation[index] = variance > 1e-6 ? Math.sqrt(variance) : 0;
  }
  return { mean, deviation };
}
