/** Ridge regression: few features by Cholesky, hashed phrases by conjugate gradients. Both exact enough to repeat to the last bit. */

/**
 * Weights of features that are already centred and scaled.
 * @param penalty by feature, against weights of the rows that sum to their number
 */
export function ridge(
  columns: readonly Float64Array[],
  targets: Float64Array,
  weights: Float64Array,
  penalty: number,
): Float64Array {
  const size = columns.length;
  const matrix = columns.map((column, i) => {
    const row = new Float64Array(size);
    for (let j = 0; j <= i; j++) row[j] = dot(column, columns[j] as Float64Array, weights);
    row[i] = (row[i] ?? 0) + penalty;
    return row;
  });
  return solve(
    matrix,
    Float64Array.from(columns, (column) => dot(column, targets, weights)),
  );
}

function dot(one: Float64Array, other: Float64Array, weights: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < one.length; i++) sum += (one[i] ?? 0) * (other[i] ?? 0) * (weights[i] ?? 0);
  return sum;
}

/** Of a positive definite matrix, of which the lower half is given and overwritten. */
function solve(matrix: Float64Array[], right: Float64Array): Float64Array {
  const size = right.length;
  const at = (i: number, j: number) => matrix[i]?.[j] ?? 0;
  for (let j = 0; j < size; j++) {
    for (let i = j; i < size; i++) {
      let sum = at(i, j);
      for (let k = 0; k < j; k++) sum -= at(i, k) * at(j, k);
      (matrix[i] as Float64Array)[j] = i === j ? Math.sqrt(sum) : sum / at(j, j);
    }
  }
  const x = Float64Array.from(right);
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < i; k++) x[i] = (x[i] ?? 0) - at(i, k) * (x[k] ?? 0);
    x[i] = (x[i] ?? 0) / at(i, i);
  }
  for (let i = size - 1; i >= 0; i--) {
    for (let k = i + 1; k < size; k++) x[i] = (x[i] ?? 0) - at(k, i) * (x[k] ?? 0);
    x[i] = (x[i] ?? 0) / at(i, i);
  }
  return x;
}

/** Weights of hashed phrases, each row's of length one. */
export function sparseRidge(
  buckets: readonly Int32Array[],
  size: number,
  targets: Float64Array,
  weights: Float64Array,
  penalty: number,
  rounds = 40,
): Float64Array {
  const lengths = Float64Array.from(buckets, (row) => 1 / Math.sqrt(Math.max(1, row.length)));
  const back = (values: Float64Array) => {
    const out = new Float64Array(size);
    for (let i = 0; i < buckets.length; i++) {
      const value = (values[i] ?? 0) * (weights[i] ?? 0) * (lengths[i] ?? 0);
      if (value !== 0)
        for (const bucket of buckets[i] as Int32Array) out[bucket] = (out[bucket] ?? 0) + value;
    }
    return out;
  };
  const forth = (x: Float64Array) =>
    Float64Array.from(buckets, (row, i) => {
      let sum = 0;
      for (const bucket of row) sum += x[bucket] ?? 0;
      return sum * (lengths[i] ?? 0);
    });
  const x = new Float64Array(size);
  const residual = back(targets);
  const direction = Float64Array.from(residual);
  let squared = norm(residual);
  for (let round = 0; round < rounds && squared > 1e-12; round++) {
    const image = back(forth(direction));
    let curvature = 0;
    for (let j = 0; j < size; j++) {
      image[j] = (image[j] ?? 0) + penalty * (direction[j] ?? 0);
      curvature += (direction[j] ?? 0) * (image[j] ?? 0);
    }
    const step = squared / curvature;
    for (let j = 0; j < size; j++) {
      x[j] = (x[j] ?? 0) + step * (direction[j] ?? 0);
      residual[j] = (residual[j] ?? 0) - step * (image[j] ?? 0);
    }
    const next = norm(residual);
    for (let j = 0; j < size; j++) {
      direction[j] = (residual[j] ?? 0) + (next / squared) * (direction[j] ?? 0);
    }
    squared = next;
  }
  return x;
}

function norm(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return sum;
}
