/** The weights as they are stored: one file of JSON whose arrays are base64, with a digest over everything else in it. */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileOf } from "../files.ts";
import type { Calibration } from "./calibration.ts";
import type { Workloads } from "./familiarity.ts";
import { FEATURES } from "./features.ts";
import { type Head, type Scaling, TREE_NODES } from "./model.ts";
import { BUCKETS } from "./words.ts";

export type Weights = Readonly<{
  /** Of the features by name, in their order: weights of other features are refused. */
  features: readonly string[];
  scaling: Scaling;
  workloads: Workloads;
  benefit: Head;
  difficulty: Head;
  /** raw = benefit + difficultyShare x difficulty, both as they differ from a usual request. */
  difficultyShare: number;
  calibration: Calibration;
  /** The first 12 digits of the digest. */
  version: string;
}>;

type Stored<T> = {
  [K in keyof T]: T[K] extends ArrayBufferView
    ? string
    : T[K] extends object
      ? T[K] extends readonly unknown[]
        ? T[K]
        : Stored<T[K]>
      : T[K];
};
export type StoredWeights = Omit<Stored<Weights>, "version"> & { digest: string };

const ARRAYS = {
  feature: Uint8Array,
  threshold: Float32Array,
  value: Float32Array,
  linear: Float32Array,
  phrases: Int8Array,
  mean: Float32Array,
  deviation: Float32Array,
  centre: Float32Array,
  spread: Float32Array,
  means: Float32Array,
  variances: Float32Array,
  offsets: Float32Array,
};
type ArrayName = keyof typeof ARRAYS;
const isArrayName = (name: string): name is ArrayName => Object.hasOwn(ARRAYS, name);

/** The file's text; the same weights always give the same one. */
export function storeWeights(weights: Omit<Weights, "version">): string {
  const { features, scaling, workloads, benefit, difficulty, difficultyShare, calibration } = weights;
  const content = { features, scaling, workloads, benefit, difficulty, difficultyShare, calibration };
  const text = JSON.stringify(content, (name, value: unknown) =>
    isArrayName(name) && ArrayBuffer.isView(value)
      ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64")
      : value,
  );
  return `${JSON.stringify({ digest: digestOf(text), ...(JSON.parse(text) as object) })}\n`;
}

/** @throws Error saying what is wrong with a file that is damaged or not of this version's features */
export function readWeights(text: string): Weights {
  const { digest, ...content } = JSON.parse(text) as StoredWeights;
  if (digestOf(JSON.stringify(content)) !== digest) {
    throw new Error(
      "The scorer's weights are damaged: their digest is another. Restore the file or train again",
    );
  }
  const weights = JSON.parse(JSON.stringify(content), (name, value: unknown) =>
    isArrayName(name) && typeof value === "string" ? arrayOf(name, value) : value,
  ) as Omit<Weights, "version">;
  const isOurs = FEATURES.every(({ name }, index) => weights.features[index] === name);
  if (!isOurs || weights.features.length !== FEATURES.length) {
    throw new Error("The scorer's weights are of other features: train again");
  }
  for (const { phrases, trees } of [weights.benefit, weights.difficulty]) {
    if (phrases.length !== BUCKETS || trees.feature.length % TREE_NODES !== 0) {
      throw new Error("The scorer's weights are of another version: train again");
    }
  }
  return { ...weights, version: digest.slice(0, 12) };
}

function arrayOf(name: ArrayName, base64: string) {
  const bytes = Uint8Array.from(Buffer.from(base64, "base64"));
  return new ARRAYS[name](bytes.buffer);
}

const digestOf = (text: string): string => createHash("sha256").update(text).digest("hex");

let shipped: Weights | undefined;

/** Those in this folder, read once. */
export function shippedWeights(): Weights {
  shipped ??= readWeights(readFileSync(fileOf("src/scoring/weights.model"), "utf8"));
  return shipped;
}
