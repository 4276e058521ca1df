import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import {
  type AgentCost,
  CostGrouping,
  type GetCostTrendResponse,
  Granularity,
} from "../../../../gen/modeltier/v1/analytics_pb.js";
import { AnalyticsService } from "../../../../gen/modeltier/v1/analytics_service_pb.js";
import { ConfigService } from "../../../../gen/modeltier/v1/config_service_pb.js";
import { navigate, useAddress } from "../frame/router.tsx";
import { Asked } from "../parts/states.tsx";
import { Table } from "../parts/table.tsx";
import { Agent, AgentScoreLink, Count, Money } from "../parts/values.tsx";
import { percent, timeZone, usd } from "../text/format.ts";
import { CostModels, NotWorthIt } from "./cost-models.tsx";
import { CostTrend } from "./cost-trend.tsx";
import { NothingSpent } from "./nothing-spent.tsx";
import { WhatIf } from "./WhatIf.tsx";

const DAY_MS = 86_400_000;
const PERIODS = [7, 30, 90] as const;
const USUAL_DAYS = 30;

/** How far back one looks, as the address has it. */
function daysOf(query: URLSearchParams): number {
  const wanted = Number(query.get("days"));
  return PERIODS.find((days) => days === wanted) ?? USUAL_DAYS;
}

export function Costs() {
  const { query } = useAddress();
  const days = daysOf(query);
  const [openedAt] = useState(Date.now);
  // From the same hour on, so that the question stays the same while one looks.
  const window = useMemo(() => {
    const start = Math.floor(openedAt / 3_600_000) * 3_600_000 - days * DAY_MS;
    return { start: timestampFromDate(new Date(start)) };
  }, [openedAt, days]);
  const again = { refetchInterval: 10_000, placeholderData: keepPreviousData };
  const trend = useQuery(
    AnalyticsService.method.getCostTrend,
    { window, granularity: Granularity.DAY, groupBy: CostGrouping.PROVIDER, timeZone: timeZone() },
    again,
  );
  const agents = useQuery(AnalyticsService.method.listAgentCosts, { window, maxAgents: 20 }, again);
  const models = useQuery(AnalyticsService.method.getProviderPerformance, { window }, again);
  const versions = useQuery(ConfigService.method.listConfigVersions, { pageSize: 50 }).data?.versions ?? [];
  return (
    <>
      <div className="stack">
        <h1>{trend.data === undefined ? "Costs" : sayMonth(trend.data)}</h1>
        <p className="muted">{trend.data?.month?.explanation ?? "\u00a0"}</p>
      </div>
      <section className="stack">
        <div className="row">
          <h2>By day and provider</h2>
          <Period days={days} />
        </div>
        <Asked of={trend} height={280}>
          {(data) => <CostTrend of={data} versions={versions} days={days} />}
        </Asked>
      </section>
      {trend.data?.total?.calls !== 0n && (
        <div className="grid twin">
          <section className="stack card">
            <h2>Agents by cost</h2>
            <Asked of={agents} rows={4}>
              {({ agents: rows }) =>
                rows.length === 0 ? <NothingSpent days={days} /> : <Agents rows={rows} />
              }
            </Asked>
          </section>
          <section className="stack card">
            <h2>Models by cost</h2>
            <Asked of={models} rows={4}>
              {({ models: rows }) => <CostModels rows={rows} days={days} />}
            </Asked>
          </section>
        </div>
      )}
      <NotWorthIt />
      <WhatIf key={days} days={days} from={window.start} versions={versions} />
    </>
  );
}

const Period = ({ days }: { days: number }) => (
  <label className="tick">
    <span className="hidden">Period</span>
    <select
      value={days}
      onChange={(event) => navigate(`/costs?days=${event.target.value}`, { replace: true })}
    >
      {PERIODS.map((period) => (
        <option key={period} value={period}>
          the last {period} days
        </option>
      ))}
    </select>
  </label>
);

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

const Agents = ({ rows }: { rows: readonly AgentCost[] }) => (
  <Table
    caption="Agents by cost"
    rows={rows}
    keyOf={({ agentId }) => agentId}
    columns={[
      {
        name: "Agent",
        cell: ({ agentId }) => <Agent id={agentId} />,
      },
      { name: "Executions", cell: ({ totals }) => <Count value={totals?.executions ?? 0n} />, right: true },
      { name: "Cost", cell: ({ totals }) => <Money nano={totals?.costNanoUsd ?? 0n} />, right: true },
      { name: "Each", cell: (row) => <Money nano={row.costPerExecutionNanoUsd} />, right: true },
      { name: "Share", cell: ({ costShare }) => percent(costShare), right: true },
      { name: "Learned", cell: ({ agentId }) => <AgentScoreLink id={agentId} />, right: true },
    ]}
  />
);
