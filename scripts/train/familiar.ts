/** What the workloads of training look like, and from where on a request is like none of them. */

import { oddity, placed, type Workloads } from "../../src/scoring/familiarity.ts";
import { FEATURES } from "../../src/scoring/features.ts";
import { workloadsOf } from "./general.ts";
import type { Matrix } from "./matrix.ts";

const LEAST_ROWS = 20;
const LEAST_SPREAD = 0.05;
/** So that a feature that never varied in a workload does not rule it out by itself. */
const LEAST_VARIANCE = 0.1;
/** Of rows that a workload's description has not seen: those less odd are familiar, those odder than `FAR` are not at all. */
const NEAR = 0.8;
const FAR = 0.95;

/** What no row of training has: it cannot be told from them by it, and every conversation would be a stranger. */
const isNeverSeen = FEATURES.map(
  ({ name, group }) =>
    group === "conversation" || group === "attachments" || name === "reasoning" || name === "output",
);
const ANY = 1e9;

/** Workloads of the rows learned from, with limits taken from each fold as the others describe it. */
export function workloadsFrom(matrix: Matrix, own: Int32Array): Workloads {
  const unlimited = { near: 0, far: 1 };
  const odd: number[] = [];
  for (const fold of new Set(Array.from(own, (row) => matrix.rows[row]?.fold ?? 0))) {
    const described = describe(
      matrix,
      own.filter((row) => matrix.rows[row]?.fold !== fold),
    );
    for (const row of own) {
      const values = matrix.features[row]?.values;
      if (matrix.rows[row]?.fold === fold && values !== undefined) {
        odd.push(oddity(values, { ...described, ...unlimited }));
      }
    }
  }
  odd.sort((one, other) => one - other);
  const at = (share: number) => odd[Math.floor(share * (odd.length - 1))] ?? 0;
  return { ...describe(matrix, own), near: at(NEAR), far: Math.max(at(FAR), at(NEAR) + 1) };
}

function describe({ rows, columns }: Matrix, own: Int32Array): Omit<Workloads, "near" | "far"> {
  const size = columns.length;
  const centre = new Float32Array(size);
  const spread = new Float32Array(size);
  for (const [index, column] of columns.entries()) {
    const { mean, variance } = momentsOf(Float64Array.from(own, (row) => column[row] ?? 0));
    centre[index] = mean;
    spread[index] = variance < 1e-6 ? LEAST_SPREAD : Math.sqrt(variance);
  }
  const known = workloadsOf(rows, own).filter((members) => members.length >= LEAST_ROWS);
  const means = new Float32Array(known.length * size);
  const variances = new Float32Array(known.length * size);
  const offsets = new Float32Array(known.length);
  for (const [workload, members] of known.entries()) {
    let offset = 0;
    for (const [index, column] of columns.entries()) {
      const { mean, variance } = momentsOf(
        Float64Array.from(members, (position) =>
          placed(column[own[position] ?? 0] ?? 0, centre[index] ?? 0, spread[index] ?? 1),
        ),
      );
      means[workload * size + index] = mean;
      if (isNeverSeen[index]) {
        variances[workload * size + index] = ANY;
        continue;
      }
      variances[workload * size + index] = variance + LEAST_VARIANCE;
      offset += Math.log(variance + LEAST_VARIANCE);
    }
    offsets[workload] = offset;
  }
  return { centre, spread, means, variances, offsets };
}

function momentsOf(values: Float64Array): { mean: number; variance: number } {
  let mean = 0;
  for (const value of values) mean += value / values.length;
  let variance = 0;
  for (const value of values) variance += (value - mean) ** 2 / values.length;
  return { mean, variance };
}
