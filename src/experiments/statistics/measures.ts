/** Everything that is measured of an arm, each with the interval that holds however often it is looked at. */
import { type BoundedMean, boundedInterval } from "./bounded-mean.ts";
import { difference, type Interval } from "./interval.ts";
import type { ArmEvidence, UnitValues } from "./question.ts";
import { type UnboundedMean, unboundedInterval } from "./unbounded-mean.ts";

export type Metric = keyof UnitValues;

/** In the order in which they are shown. */
export const METRICS: readonly Metric[] = [
  "success",
  "quality",
  "costNanoUsd",
  "latencyMs",
  "firstTokenMs",
  "fallbackRate",
];

export type Measure = Readonly<{
  metric: Metric;
  /** That have a value. */
  units: number;
  value: Interval;
  /** To another arm; absent: there is none. */
  difference?: Interval;
}>;

/** Those that have a value. Each interval is wrong at most as often as alpha says; of several at once more may be. */
export const listMeasures = (
  own: ArmEvidence,
  against: ArmEvidence | undefined,
  { alpha }: Readonly<{ alpha: number }>,
): readonly Measure[] =>
  METRICS.flatMap((metric): Measure[] => {
    const { units, interval } = meanOf(own, metric, alpha);
    if (units === 0) return [];
    if (against === undefined) return [{ metric, units, value: interval }];
    return [
      {
        metric,
        units,
        value: interval,
        difference: difference(interval, meanOf(against, metric, alpha).interval),
      },
    ];
  });

function meanOf(
  evidence: ArmEvidence,
  metric: Metric,
  alpha: number,
): Readonly<{ units: number; interval: Interval }> {
  switch (metric) {
    case "costNanoUsd": {
      const { units, interval } = unbounded(evidence.costMicroUsd, alpha);
      const { estimate, lower, upper } = interval;
      return { units, interval: { estimate: estimate * 1_000, lower: lower * 1_000, upper: upper * 1_000 } };
    }
    case "latencyMs":
    case "firstTokenMs":
      return unbounded(evidence[metric], alpha);
    default:
      return bounded(evidence[metric]);
  }
}

const bounded = (mean: BoundedMean) => ({ units: mean.n, interval: boundedInterval(mean) });
/** Two of them make a difference that errs at most by alpha. */
const unbounded = (mean: UnboundedMean, alpha: number) => ({
  units: mean.n,
  interval: unboundedInterval(mean, alpha / 2),
});
