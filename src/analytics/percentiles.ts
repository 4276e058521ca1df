/** Percentiles of durations that were counted in logarithmic buckets. */

/** Bucket b counts what took more than 2^((b - 1) / 8) ms and no more than 2^(b / 8) ms; bucket 0 what took up to 1 ms. */
export type Bucket = Readonly<{ bucket: number; count: bigint }>;

export type Percentiles = Readonly<{
  count: bigint;
  /** In ms; absent: nothing was counted. */
  values?: Readonly<{ p50Ms: number; p95Ms: number; p99Ms: number }>;
}>;

export const BUCKETS_PER_DOUBLING = 8;

/** What a percentile may be off by, as a part of it, in either direction: half a bucket, 4.4 %. Above 1 ms. */
export const PERCENTILE_ERROR = 2 ** (0.5 / BUCKETS_PER_DOUBLING) - 1;

/** @param buckets in any order; the same one may come more than once */
export function percentilesOf(buckets: readonly Bucket[]): Percentiles {
  const count = buckets.reduce((sum, bucket) => sum + bucket.count, 0n);
  if (count === 0n) return { count };
  const sorted = buckets.toSorted((a, b) => a.bucket - b.bucket);
  const at = (percent: bigint): number => middleMs(bucketAt(sorted, ceilDivide(count * percent, 100n)));
  return { count, values: { p50Ms: at(50n), p95Ms: at(95n), p99Ms: at(99n) } };
}

/** The bucket of the n-th value, from 1. */
function bucketAt(sorted: readonly Bucket[], nth: bigint): number {
  let seen = 0n;
  for (const { bucket, count } of sorted) {
    seen += count;
    if (seen >= nth) return bucket;
  }
  throw new RangeError(`there is no value ${nth}`);
}

/** On a logarithmic scale, so that it is off by the same part whichever end the value is at. */
const middleMs = (bucket: number): number => 2 ** ((bucket - 0.5) / BUCKETS_PER_DOUBLING);

const ceilDivide = (a: bigint, b: bigint): bigint => (a + b - 1n) / b;
