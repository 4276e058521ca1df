/** Whether a request is like what the model was trained on: only then what was learned of those workloads counts. */

export type Workloads = Readonly<{
  /** How features are centred and scaled before they are compared. */
  centre: Float32Array;
  spread: Float32Array;
  /** By workload, then by feature. */
  means: Float32Array;
  variances: Float32Array;
  /** By workload: the sum of its variances' logarithms. */
  offsets: Float32Array;
  /** Requests at most as odd as `near` are familiar; those beyond `far` are not at all. */
  near: number;
  far: number;
}>;

/** The general part always counts for something. */
const MOST_FAMILIAR = 0.8;
/** One feature that was never seen is odd enough; a second one need not make it odder. */
const FARTHEST = 8;

/** The familiar part's share of a request's score: 0.8 for one like those of training, 0 for one like none of them. */
export function familiarityOf(values: Float64Array, workloads: Workloads): number {
  const { near, far } = workloads;
  const close = (far - oddity(values, workloads)) / (far - near);
  return MOST_FAMILIAR * Math.max(0, Math.min(1, close));
}

/** How unlikely the features are in the workload that they fit best: twice a negative log likelihood, but for a constant. */
export function oddity(
  values: Float64Array,
  { centre, spread, means, variances, offsets }: Workloads,
): number {
  const size = centre.length;
  const z = new Float64Array(size);
  for (let index = 0; index < size; index++) {
    z[index] = placed(values[index] ?? 0, centre[index] ?? 0, spread[index] ?? 1);
  }
  let least = Number.POSITIVE_INFINITY;
  for (let from = 0; from < means.length; from += size) {
    let sum = offsets[from / size] ?? 0;
    for (let index = 0; index < size; index++) {
      const variance = variances[from + index] ?? 1;
      const away = (z[index] ?? 0) - (means[from + index] ?? 0);
      sum += (away * away) / variance;
    }
    if (sum < least) least = sum;
  }
  return least;
}

export const placed = (value: number, centre: number, spread: number): number =>
  Math.max(-FARTHEST, Math.min(FARTHEST, (value - centre) / spread));
