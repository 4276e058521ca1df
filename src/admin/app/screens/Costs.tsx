import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import {
  CostGrouping,
  type CostSeries,
  type GetCostTrendResponse,
  Granularity,
  type ModelPerformance,
} from "../../../../gen/modeltier/v1/analytics_pb.js";
import { AnalyticsService } from "../../../../gen/modeltier/v1/analytics_service_pb.js";
import { type ConfigVersion, ConfigWarningKind } from "../../../../gen/modeltier/v1/config_pb.js";
import { ConfigService } from "../../../../gen/modeltier/v1/config_service_pb.js";
import type { Model } from "../../../../gen/modeltier/v1/provider_pb.js";
import { ProviderService } from "../../../../gen/modeltier/v1/provider_service_pb.js";
import { Link } from "../frame/router.tsx";
import { Key, type Segment, TimeBars } from "../parts/charts.tsx";
import { Asked, Empty } from "../parts/states.tsx";
import { Figure, Table } from "../parts/table.tsx";
import { Count, Money, Target } from "../parts/values.tsx";
import { count, day, percent, spanOf, timeZone, usd } from "../text/format.ts";
import { providerClass, providerName } from "../text/names.ts";

const DAY_MS = 86_400_000;
const DAYS = 30;

/** From the same hour on, so that the question stays the same while one looks. */
function lastDays(nowMs: number) {
  const start = Math.floor(nowMs / 3_600_000) * 3_600_000 - DAYS * DAY_MS;
  return { start: timestampFromDate(new Date(start)) };
}

export function Costs() {
  const [window] = useState(() => lastDays(Date.now()));
  const again = { refetchInterval: 10_000 };
  const trend = useQuery(
    AnalyticsService.method.getCostTrend,
    { window, granularity: Granularity.DAY, groupBy: CostGrouping.PROVIDER, timeZone: timeZone() },
    again,
  );
  const agents = useQuery(AnalyticsService.method.listAgentCosts, { window, maxAgents: 20 }, again);
  const models = useQuery(AnalyticsService.method.getProviderPerformance, { window }, again);
  const versions = useQuery(ConfigService.method.listConfigVersions, { pageSize: 50 });
  return (
    <>
      <h1>{trend.data === undefined ? "Costs" : sayMonth(trend.data)}</h1>
      <p className="muted">{trend.data?.month?.explanation}</p>
      <section className="stack">
        <h2>By day and provider, the last {DAYS} days</h2>
        <Asked of={trend} height={280}>
          {(data) => <Trend of={data} versions={versions.data?.versions ?? []} />}
        </Asked>
      </section>
      <section className="stack card">
        <h2>Agents by cost</h2>
        <Asked of={agents}>
          {({ agents: rows }) =>
            rows.length === 0 ? (
              <Empty>No agent has cost anything yet.</Empty>
            ) : (
              <Table
                caption="Agents by cost"
                rows={rows}
                keyOf={({ agentId }) => agentId}
                columns={[
                  {
                    name: "Agent",
                    cell: ({ agentId }) => (
                      <Link to={`/executions?agent=${encodeURIComponent(agentId)}`}>{agentId}</Link>
                    ),
                  },
                  {
                    name: "Executions",
                    cell: ({ totals }) => <Count value={totals?.executions ?? 0n} />,
                    right: true,
                  },
                  {
                    name: "Cost",
                    cell: ({ totals }) => <Money nano={totals?.costNanoUsd ?? 0n} />,
                    right: true,
                  },
                  {
                    name: "Each",
                    cell: (row) => <Money nano={row.costPerExecutionNanoUsd} />,
                    right: true,
                  },
                  { name: "Share", cell: ({ costShare }) => percent(costShare), right: true },
                ]}
              />
            )
          }
        </Asked>
      </section>
      <section className="stack card">
        <h2>Models by cost</h2>
        <Asked of={models}>{({ models: rows }) => <Models rows={rows} />}</Asked>
        <Dominated />
      </section>
      <section className="stack card">
        <h2>What if?</h2>
        <p>
          <Link to="/config">Change a target or a threshold</Link> and read its backtest: last week's
          executions, decided anew, with the tokens they used. Nothing is published until you say so.
        </p>
      </section>
    </>
  );
}

/** Tiers whose first target costs no less than a stronger tier's. */
function Dominated() {
  const { data } = useQuery(ConfigService.method.getConfig, {});
  const dominated = data?.warnings.filter(({ kind }) => kind === ConfigWarningKind.DOMINATED_TIER) ?? [];
  return dominated.map(({ field, description }) => (
    <p key={field} className="attention small">
      ! {description}
    </p>
  ));
}

function sayMonth({ month }: GetCostTrendResponse): string {
  const spent = `${usd(month?.spentNanoUsd ?? 0n)} this month`;
  const heading = month?.projectedNanoUsd === undefined ? "" : `, heading for ${usd(month.projectedNanoUsd)}`;
  const saved = month?.cacheSavingNanoUsd ?? 0n;
  const cache =
    saved === 0n
      ? ""
      : saved > 0n
        ? `; the prompt cache saved ${usd(saved)}`
        : `; the prompt cache cost ${usd(-saved)} more than it saved`;
  return `${spent}${heading}${cache}.`;
}

const providerOf = ({ key }: CostSeries): string => (key.case === "provider" ? key.value : "other");

function Trend({
  of: { series, total },
  versions,
}: {
  of: GetCostTrendResponse;
  versions: readonly ConfigVersion[];
}) {
  if (total === undefined || total.calls === 0n)
    return <Empty>Nothing was called in these {DAYS} days.</Empty>;
  const days = series[0]?.points ?? [];
  const bars = days.map(({ start }, index) => {
    const from = start === undefined ? 0 : timestampDate(start).getTime();
    const published = versions.filter(({ createdAt }) => {
      const at = createdAt === undefined ? -1 : timestampDate(createdAt).getTime();
      return at >= from && at < from + DAY_MS;
    });
    return {
      label: start === undefined ? "" : day(start),
      segments: series.map((one) => segmentOf(one, one.points[index]?.costNanoUsd ?? 0n)),
      ...(published.length > 0 && {
        mark: published.map(({ version }) => `v${version} published`).join(", "),
      }),
    };
  });
  const rows = days.map((point, index) => ({
    point,
    costs: series.map((one) => ({ name: providerOf(one), nano: one.points[index]?.costNanoUsd ?? 0n })),
  }));
  return (
    <Figure
      title="Cost by day"
      sentence={`${usd(total.costNanoUsd)} for ${count(total.calls)} calls in ${DAYS} days: ${series.map((one) => `${providerName(providerOf(one))} ${usd(one.total?.costNanoUsd ?? 0n)}`).join(", ")}.`}
      picture={
        <div className="stack">
          <TimeBars bars={bars} topText={(top) => `Highest day: ${usd(BigInt(Math.round(top)))}`} />
          <Key segments={series.map((one) => segmentOf(one, one.total?.costNanoUsd ?? 0n))} />
        </div>
      }
      columns={[
        { name: "Day", cell: ({ point }) => (point.start === undefined ? "" : day(point.start)) },
        ...series.map((one, index) => ({
          name: providerName(providerOf(one)),
          cell: ({ costs }: (typeof rows)[number]) => <Money nano={costs[index]?.nano ?? 0n} />,
          right: true,
        })),
      ]}
      rows={rows}
      keyOf={(_, index) => String(index)}
    />
  );
}

const segmentOf = (series: CostSeries, nano: bigint): Segment => ({
  name: providerName(providerOf(series)),
  value: Number(nano),
  look: providerClass(providerOf(series)),
  text: usd(nano),
});

function Models({ rows }: { rows: readonly ModelPerformance[] }) {
  const providers = useQuery(ProviderService.method.listProviders, {});
  const known = (row: ModelPerformance): Model | undefined =>
    providers.data?.providers
      .find(({ id }) => id === row.target?.provider)
      ?.models.find(({ model }) => model === row.target?.model);
  if (rows.length === 0) return <Empty>No model was called yet.</Empty>;
  return (
    <Table
      caption="Models by cost"
      rows={rows.toSorted((a, b) => Number(b.costNanoUsd - a.costNanoUsd))}
      keyOf={({ target }) => `${target?.provider}/${target?.model}`}
      columns={[
        {
          name: "Model",
          cell: (row) => (
            <>
              <Target target={row.target} /> <Retirement of={known(row)} />
            </>
          ),
        },
        { name: "Calls", cell: ({ calls }) => <Count value={calls} />, right: true },
        { name: "Cost", cell: ({ costNanoUsd }) => <Money nano={costNanoUsd} />, right: true },
        { name: "Cache saved", cell: (row) => <Money nano={row.cacheSavingNanoUsd} />, right: true },
        { name: "Cache hits", cell: ({ cacheHitRate }) => percent(cacheHitRate), right: true },
        {
          name: "Success",
          cell: ({ successRate }) => (successRate === undefined ? "–" : percent(successRate)),
          right: true,
        },
        { name: "p95", cell: ({ latency }) => spanOf(latency?.p95), right: true },
      ]}
    />
  );
}

export function Retirement({ of: model }: { of: Model | undefined }) {
  if (model === undefined || model.retiredOn === "") return null;
  const next =
    model.successor === undefined ? "" : `; use ${model.successor.provider}/${model.successor.model}`;
  return (
    <span className={model.retired ? "broken-text" : "attention"}>
      {model.retired ? "✕ retired" : "! retires"} {model.retiredOn}
      {next}
    </span>
  );
}
