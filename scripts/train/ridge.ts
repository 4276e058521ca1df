/** Ridge regression on hashed phrases by conjugate gradients. */

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
