/** The metrics of an experiment as people read them: values, differences, what lies between two bounds. */
import type {
  ExperimentArmReport,
  ExperimentInterval,
  ExperimentMeasure,
} from "../../../../gen/modeltier/v1/experiment_pb.js";
import { ExperimentMetric } from "../../../../gen/modeltier/v1/experiment_pb.js";
import { percent, span, usd } from "../text/format.ts";

type Kind = "share" | "money" | "time";
export type MetricWords = Readonly<{ name: string; kind: Kind; isMoreBetter: boolean }>;

const WORDS: Readonly<Record<ExperimentMetric, MetricWords | undefined>> = {
  [ExperimentMetric.UNSPECIFIED]: undefined,
  [ExperimentMetric.SUCCESS]: { name: "Success", kind: "share", isMoreBetter: true },
  [ExperimentMetric.QUALITY]: { name: "Quality, by feedback", kind: "share", isMoreBetter: true },
  [ExperimentMetric.COST]: { name: "Cost of a call", kind: "money", isMoreBetter: false },
  [ExperimentMetric.LATENCY]: { name: "Latency", kind: "time", isMoreBetter: false },
  [ExperimentMetric.FIRST_TOKEN]: { name: "First token", kind: "time", isMoreBetter: false },
  [ExperimentMetric.FALLBACK_RATE]: { name: "Fallback rate", kind: "share", isMoreBetter: false },
};

/** Undefined for a metric that this page does not know yet. */
export const findMetricWords = (metric: ExperimentMetric): MetricWords | undefined => WORDS[metric];

export const findMeasure = (
  { measures }: Pick<ExperimentArmReport, "measures">,
  metric: ExperimentMetric,
): ExperimentMeasure | undefined => measures.find((measure) => measure.metric === metric);

/** A share as points, three significant digits and no more than three decimals: 0.03 is "3". */
const pointsOf = (share: number): string => String(Number(Number((share * 100).toPrecision(3)).toFixed(3)));

/** 0.03 is "3 points". */
export const sayPoints = (share: number): string => {
  const points = pointsOf(share);
  return `${points} ${points === "1" ? "point" : "points"}`;
};

const money = (nanoUsd: number): string => usd(BigInt(Math.round(nanoUsd)));

/** How large a difference is, whichever way it goes. */
export function sayDistance(kind: Kind, difference: number): string {
  const size = Math.abs(difference);
  if (kind === "share") return sayPoints(size);
  return kind === "money" ? money(size) : span(size);
}

/** "85.1 %", "$0.00420", "412 ms". */
export const sayValue = (kind: Kind, value: number): string =>
  kind === "share" ? percent(value) : kind === "money" ? money(value) : span(value);

function signed(kind: Kind, difference: number): string {
  const text = kind === "share" ? pointsOf(Math.abs(difference)) : sayDistance(kind, difference);
  if (!/[1-9]/.test(text)) return text;
  return `${difference < 0 ? "−" : "+"}${text}`;
}

/** "82 % to 88 %", "at least 82 %". */
function sayBounds({ lower, upper }: ExperimentInterval, say: (bound: number) => string): string {
  if (lower !== undefined && upper !== undefined) return `${say(lower)} to ${say(upper)}`;
  if (lower !== undefined) return `at least ${say(lower)}`;
  return upper === undefined ? "no bounds yet" : `at most ${say(upper)}`;
}

/** A number, and what it lies between. */
export type Bounded = Readonly<{ value: string; bounds: string }>;

/** "85.1 %", "82 % to 88 %" */
export const sayMean = (kind: Kind, interval: ExperimentInterval): Bounded => ({
  value: sayValue(kind, interval.estimate),
  bounds: sayBounds(interval, (bound) => sayValue(kind, bound)),
});

/** "−1.2 points", "−3.1 to +0.7" */
export const sayDifference = (kind: Kind, interval: ExperimentInterval): Bounded => ({
  value: `${signed(kind, interval.estimate)}${kind === "share" ? " points" : ""}`,
  bounds: sayBounds(interval, (bound) => signed(kind, bound)),
});

/** "$0.0012 less to $0.0003 more", "2 points to 5 points worse" @param words for a difference below zero and for one above */
export function sayRange(
  kind: Kind,
  { lower, upper }: ExperimentInterval,
  [less, more]: readonly [string, string],
): string {
  const word = (bound: number) => (bound < 0 ? less : more);
  const side = (bound: number) => (bound === 0 ? "the same" : `${sayDistance(kind, bound)} ${word(bound)}`);
  if (lower !== undefined && upper !== undefined) {
    if (lower * upper <= 0) return `${side(lower)} to ${side(upper)}`;
    const [near = 0, far = 0] = [Math.abs(lower), Math.abs(upper)].sort((one, other) => one - other);
    return `${sayDistance(kind, near)} to ${sayDistance(kind, far)} ${word(lower)}`;
  }
  if (lower !== undefined) return `${side(lower)} or above`;
  return upper === undefined ? "not enough units to say" : `${side(upper)} or below`;
}

export type Side = "better" | "worse" | "open";

/** Which side of zero all of the interval is on. */
export function sideOf({ isMoreBetter }: MetricWords, { lower, upper }: ExperimentInterval): Side {
  if (lower !== undefined && lower > 0) return isMoreBetter ? "better" : "worse";
  if (upper !== undefined && upper < 0) return isMoreBetter ? "worse" : "better";
  return "open";
}

/** How far the axis of a metric reaches to either side of zero, the same for all arms: everything that is bounded is on it. */
export function reachOf(
  arms: readonly Pick<ExperimentArmReport, "measures">[],
  metric: ExperimentMetric,
  atLeast: number,
): number {
  const ends = arms.flatMap((arm) => {
    const { estimate, lower, upper } = findMeasure(arm, metric)?.difference ?? {};
    return [estimate, lower, upper].filter((end) => end !== undefined).map(Math.abs);
  });
  return Math.max(atLeast, ...ends) * 1.1 || 1;
}
