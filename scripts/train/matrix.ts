/** Rows as the numbers that training works on. */
import { featuresOf } from "../../src/scoring/features.ts";
import { bucketsOf } from "../../src/scoring/words.ts";
import type { Row } from "./rows.ts";

export type Matrix = Readonly<{
  rows: readonly Row[];
  names: readonly string[];
  /** By feature, then by row. */
  columns: readonly Float32Array[];
  /** By row. */
  buckets: readonly Int32Array[];
}>;

export function matrixOf(rows: readonly Row[]): Matrix {
  const features = rows.map(({ request }) => featuresOf(request));
  const names = features[0]?.dense.map(({ name }) => name) ?? [];
  const columns = names.map((_, index) =>
    Float32Array.from(features, ({ dense }) => dense[index]?.value ?? 0),
  );
  return { rows, names, columns, buckets: features.map(({ words }) => bucketsOf(words)) };
}
