/** Rows as the numbers that training works on. */
import { FEATURES, type Features, featuresOf } from "../../src/scoring/features.ts";
import { bucketsOf } from "../../src/scoring/words.ts";
import type { Row } from "./rows.ts";

export type Matrix = Readonly<{
  rows: readonly Row[];
  /** By row. */
  features: readonly Features[];
  buckets: readonly Int32Array[];
  /** By feature, then by row. */
  columns: readonly Float32Array[];
}>;

export function matrixOf(rows: readonly Row[]): Matrix {
  const features = rows.map(({ request }) => featuresOf(request));
  const columns = FEATURES.map((_, index) => Float32Array.from(features, ({ values }) => values[index] ?? 0));
  return { rows, features, columns, buckets: features.map(({ words }) => bucketsOf(words)) };
}
