/** From rows to a model of them. */
import { type Head, LEAF, type Scaling, scaled, TREE_NODES, type Trees } from "../../src/scoring/model.ts";
import { BUCKETS } from "../../src/scoring/words.ts";
import { type Binned, type BoostSettings, binned, boost } from "./boost.ts";
import type { Matrix } from "./matrix.ts";
import { ridge, sparseRidge } from "./ridge.ts";
import type { Row } from "./rows.ts";
import { balancedWeights, centredBySource, meanOverSources } from "./targets.ts";

export type Settings = Readonly<{
  boost: BoostSettings;
  linearPenalty: number;
  phrasePenalty: number;
  /** What each part counts for; together about 1. */
  shares: Readonly<{ trees: number; linear: number; phrases: number }>;
  difficultyShare: number;
}>;

export const SETTINGS: Settings = {
  boost: { trees: 220, rate: 0.04, rowShare: 0.7, featureShare: 0.3, leastInLeaf: 60, penalty: 50, seed: 7 },
  linearPenalty: 1_000,
  phrasePenalty: 5,
  shares: { trees: 0.7, linear: 0.2, phrases: 0.3 },
  difficultyShare: 0.15,
};

export type Fitted = Readonly<{ scaling: Scaling; benefit: Head; difficulty: Head }>;

const benefitOf = (row: Row): number => row.strong - row.weak;
const difficultyOf = (row: Row): number => 1 - row.weak;

/** @param own the rows to learn from, by index */
export function fitModel(matrix: Matrix, own: Int32Array, settings: Settings): Fitted {
  const weights = balancedWeights(matrix.rows, own);
  const scaling = scalingOf(matrix, own, weights);
  const bins = binned(matrix.columns.map((column) => Float32Array.from(own, (row) => column[row] ?? 0)));
  const learn = (of: (row: Row) => number) => headOf(matrix, own, of, { weights, scaling, bins }, settings);
  return { scaling, benefit: learn(benefitOf), difficulty: learn(difficultyOf) };
}

type Prepared = Readonly<{ weights: Float64Array; scaling: Scaling; bins: Binned }>;

function headOf(
  { rows, columns, buckets }: Matrix,
  own: Int32Array,
  of: (row: Row) => number,
  { weights, scaling, bins }: Prepared,
  { boost: boosting, linearPenalty, phrasePenalty, shares }: Settings,
): Head {
  const all = centredBySource(rows, own, of);
  const targets = Float64Array.from(own, (row) => all[row] ?? 0);
  const counted = Float64Array.from(own, (row) => weights[row] ?? 0);
  const everyone = Int32Array.from(own, (_, index) => index);
  const trees = boost(bins, everyone, targets, counted, boosting);
  const standard = columns.map((column, index) =>
    Float64Array.from(own, (row) =>
      scaled(column[row] ?? 0, scaling.mean[index] ?? 0, scaling.deviation[index] ?? 0),
    ),
  );
  const linear = ridge(standard, targets, counted, linearPenalty);
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
    linear: Float32Array.from(linear, (weight) => shares.linear * weight),
    trees: sharedTrees(trees, shares.trees),
    phrases: Int8Array.from(phrases, (weight) => Math.round(weight / unit)),
    phraseUnit: Math.fround(unit * shares.phrases),
  };
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
