/** The metrics of one process as values that can be sent to another, and the sum of several processes'. */
import { AggregatorRegistry } from "prom-client";
import type { Metrics } from "./metrics.ts";
import { MoneyCounter, MoneyGauge } from "./money-counter.ts";

type Series = Readonly<{
  labels: Readonly<Record<string, string | number>>;
  value: number;
  metricName?: string;
}>;

export type MetricValues = Readonly<{
  name: string;
  help: string;
  type: string;
  aggregator: string;
  /** Dollars travel and are added in whole nano-USD: a sum of floats would drift from the records. Absent: as shown. */
  unit?: "nano_usd";
  values: readonly Series[];
}>;

export type MetricsSnapshot = readonly MetricValues[];

export async function takeSnapshot(metrics: Metrics): Promise<MetricsSnapshot> {
  const shown = (await metrics.registry.getMetricsAsJSON()) as unknown as MetricsSnapshot;
  const exact = new Map(
    Object.values(metrics)
      .filter(isMoney)
      .map((metric) => [metric.name, metric.list()]),
  );
  return shown.map((metric) => {
    const sums = exact.get(metric.name);
    if (sums === undefined) return metric;
    const values = sums.map(({ labels, nanoUsd }) => ({ labels, value: Number(nanoUsd) }));
    return { ...metric, unit: "nano_usd", values };
  });
}

/** The sum, or what the aggregator of a metric makes of it, series by series. */
export async function sumSnapshots(snapshots: readonly MetricsSnapshot[]): Promise<MetricsSnapshot> {
  const units = new Map(snapshots.flat().map(({ name, unit }) => [name, unit]));
  const summed = await AggregatorRegistry.aggregate([...snapshots]).getMetricsAsJSON();
  return (summed as unknown as MetricsSnapshot).map((metric) => ({
    ...metric,
    unit: units.get(metric.name),
  }));
}

/** What must not fall when the process it counted in is gone: counts and amounts since the start, not present states. */
export const keepTotals = (snapshot: MetricsSnapshot): MetricsSnapshot =>
  snapshot.filter(({ type, unit }) => type === "counter" || type === "histogram" || unit === "nano_usd");

/** As Prometheus reads it. */
export function renderSnapshot(snapshot: MetricsSnapshot): Promise<string> {
  return AggregatorRegistry.aggregate([snapshot.map(asShown)]).metrics();
}

const isMoney = (metric: unknown): metric is MoneyCounter<string> | MoneyGauge<string> =>
  metric instanceof MoneyCounter || metric instanceof MoneyGauge;

const asShown = (metric: MetricValues): MetricValues =>
  metric.unit === "nano_usd"
    ? { ...metric, values: metric.values.map((series) => ({ ...series, value: series.value / 1e9 })) }
    : metric;
