/**
 * Signs that point the same way across workloads. For each feature and workload the slope of the target on the feature; over
 * the workloads their mean and how sure it is, with what they differ by taken as chance (random effects, DerSimonian and Laird
 * 1986). A feature's weight is that mean in its own standard errors: what is strong in one workload and absent in
 * the others weighs little. Features are looked at one by one, so that no pair of them can lean on a quirk of one benchmark.
 */
import type { Matrix } from "./matrix.ts";
import type { Row } from "./rows.ts";

const LEAST_ROWS = 40;
/** A workload says nothing of a feature that hardly varies in it. */
const LEAST_VARIANCE = 0.02;

/** @param standard by feature and position in `own`, centred and scaled @returns weights of arbitrary scale */
export function generalWeights(
  { rows }: Matrix,
  own: Int32Array,
  standard: readonly Float64Array[],
  targetOf: (row: Row) => number,
): Float64Array {
  const workloads = workloadsOf(rows, own).filter((members) => members.length >= LEAST_ROWS);
  const targets = Float64Array.from(own, (row) => targetOf(rows[row] as Row));
  return Float64Array.from(standard, (column) => {
    const slopes = workloads.flatMap((members) => slopeIn(members, column, targets) ?? []);
    return slopes.length < 2 ? 0 : pooled(slopes);
  });
}

/** Positions in `own`, by workload: the recurring callers that the data names. */
export function workloadsOf(rows: readonly Row[], own: Int32Array): number[][] {
  const members = new Map<string, number[]>();
  for (const [position, row] of own.entries()) {
    const { agent } = rows[row] as Row;
    const known = members.get(agent);
    if (known === undefined) members.set(agent, [position]);
    else known.push(position);
  }
  return [...members.values()];
}

type Slope = Readonly<{ slope: number; variance: number }>;

function slopeIn(members: readonly number[], column: Float64Array, targets: Float64Array): Slope | undefined {
  let x = 0;
  let y = 0;
  for (const member of members) {
    x += (column[member] ?? 0) / members.length;
    y += (targets[member] ?? 0) / members.length;
  }
  let xx = 0;
  let xy = 0;
  let yy = 0;
  for (const member of members) {
    const dx = (column[member] ?? 0) - x;
    const dy = (targets[member] ?? 0) - y;
    xx += dx * dx;
    xy += dx * dy;
    yy += dy * dy;
  }
  if (xx <= LEAST_VARIANCE * members.length || yy <= 1e-4 * members.length) return undefined;
  return { slope: xy / xx, variance: yy / members.length / xx };
}

/** The mean of slopes in its standard errors. */
function pooled(slopes: readonly Slope[]): number {
  const weighted = (extra: number) => {
    let weights = 0;
    let squares = 0;
    let sum = 0;
    for (const { slope, variance } of slopes) {
      const weight = 1 / (variance + extra);
      weights += weight;
      squares += weight * weight;
      sum += weight * slope;
    }
    return { mean: sum / weights, weights, squares };
  };
  const fixed = weighted(0);
  let spread = 0;
  for (const { slope, variance } of slopes) spread += (slope - fixed.mean) ** 2 / variance;
  const between =
    (spread - (slopes.length - 1)) / Math.max(1e-9, fixed.weights - fixed.squares / fixed.weights);
  const { mean, weights } = weighted(Math.max(0, between));
  return mean * Math.sqrt(weights);
}
