/** What was spent, day by day and provider by provider. */
import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import type { CostSeries, GetCostTrendResponse } from "../../../../gen/modeltier/v1/analytics_pb.js";
import type { ConfigVersion } from "../../../../gen/modeltier/v1/config_pb.js";
import type { Segment } from "../parts/charts.tsx";
import { Figure } from "../parts/table.tsx";
import { type Bar, TimeBars } from "../parts/time-bars.tsx";
import { Money } from "../parts/values.tsx";
import { count, day, usd } from "../text/format.ts";
import { providerClass, providerName } from "../text/names.ts";
import { NothingSpent } from "./nothing-spent.tsx";

type Props = Readonly<{ of: GetCostTrendResponse; versions: readonly ConfigVersion[]; days: number }>;

export function CostTrend({ of: { series, total }, versions, days }: Props) {
  if (total === undefined || total.calls === 0n) return <NothingSpent days={days} />;
  const points = series[0]?.points ?? [];
  const bars = points.map(({ start }, index): Bar => {
    const published = versionsOf(versions, start, points[index + 1]?.start);
    return {
      label: start === undefined ? "" : day(start),
      segments: series.map((one) => segmentOf(one, one.points[index]?.costNanoUsd ?? 0n)),
      ...(published.length > 0 && {
        mark: { short: published.at(-1) ?? "", text: `${published.join(", ")} published` },
      }),
    };
  });
  const rows = points.map((point, index) => ({
    point,
    costs: series.map((one) => one.points[index]?.costNanoUsd ?? 0n),
    published: versionsOf(versions, point.start, points[index + 1]?.start),
  }));
  return (
    <Figure
      title="Cost by day"
      sentence={`${usd(total.costNanoUsd)} for ${count(total.calls)} calls in ${days} days: ${series.map((one) => `${providerName(providerOf(one))} ${usd(one.total?.costNanoUsd ?? 0n)}`).join(", ")}.`}
      picture={
        <TimeBars
          bars={bars}
          series={series.map((one) => segmentOf(one, one.total?.costNanoUsd ?? 0n))}
          topText={(top) => `Highest day: ${usd(BigInt(Math.round(top)))}`}
        />
      }
      columns={[
        { name: "Day", cell: ({ point }) => (point.start === undefined ? "" : day(point.start)) },
        ...series.map((one, index) => ({
          name: providerName(providerOf(one)),
          cell: ({ costs }: (typeof rows)[number]) => <Money nano={costs[index] ?? 0n} />,
          right: true,
        })),
        { name: "Published", cell: ({ published }) => published.join(", ") || "–" },
      ]}
      rows={rows}
      keyOf={(_, index) => String(index)}
    />
  );
}

/** The versions published from one day's beginning to the next one's, in their order: "v3". Days are not all 24 hours long. */
function versionsOf(
  versions: readonly ConfigVersion[],
  start: Timestamp | undefined,
  next: Timestamp | undefined,
): readonly string[] {
  const from = start === undefined ? 0 : timestampMs(start);
  const to = next === undefined ? Number.POSITIVE_INFINITY : timestampMs(next);
  return versions
    .filter(({ createdAt }) => {
      const at = createdAt === undefined ? -1 : timestampMs(createdAt);
      return at >= from && at < to;
    })
    .map(({ version }) => `v${version}`)
    .toReversed();
}

const providerOf = ({ key }: CostSeries): string => (key.case === "provider" ? key.value : "other");

const segmentOf = (series: CostSeries, nano: bigint): Segment => ({
  name: providerName(providerOf(series)),
  value: Number(nano),
  look: providerClass(providerOf(series)),
  text: usd(nano),
});
