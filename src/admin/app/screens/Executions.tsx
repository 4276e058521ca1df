import { useInfiniteQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import { useState } from "react";
import { AnalyticsService } from "../../../../gen/modeltier/v1/analytics_service_pb.js";
import { type Execution, ExecutionStatus } from "../../../../gen/modeltier/v1/execution_pb.js";
import { PriceStatus } from "../../../../gen/modeltier/v1/routing_pb.js";
import { Link, useAddress, withQuery } from "../frame/router.tsx";
import { Asked, Empty } from "../parts/states.tsx";
import { Table } from "../parts/table.tsx";
import { Money, Target, TierMark, When } from "../parts/values.tsx";
import { exactCount, spanOf } from "../text/format.ts";
import { agentName, intentName, statusName } from "../text/names.ts";
import { filterOf } from "./execution-filter.ts";
import { ExecutionFilters } from "./execution-filters.tsx";

export function Executions() {
  const { query } = useAddress();
  const [openedAt] = useState(Date.now());
  const found = useInfiniteQuery(
    AnalyticsService.method.listExecutions,
    { ...filterOf(query, openedAt), pageSize: 50, pageToken: "" },
    {
      pageParamKey: "pageToken",
      getNextPageParam: ({ nextPageToken }) => (nextPageToken === "" ? undefined : nextPageToken),
      placeholderData: keepPreviousData,
      refetchInterval: 5_000,
    },
  );
  const executions = found.data?.pages.flatMap((page) => page.executions);
  return (
    <>
      <h1>{sayExecutions(executions, query.size > 0)}</h1>
      <ExecutionFilters query={query} />
      <Asked of={{ ...found, data: executions }} rows={16}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty>
              {query.size > 0 ? (
                <>
                  No execution matches these filters. <Link to="/executions">Show all</Link>.
                </>
              ) : (
                <>
                  No executions yet. <Link to="/playground">Complete a step in the playground</Link>, or call
                  RouterService.Complete.
                </>
              )}
            </Empty>
          ) : (
            <List rows={rows} query={query} />
          )
        }
      </Asked>
      {found.hasNextPage && (
        <div>
          <button type="button" onClick={() => void found.fetchNextPage()}>
            Show older
          </button>
        </div>
      )}
    </>
  );
}

function sayExecutions(rows: readonly Execution[] | undefined, filtered: boolean): string {
  if (rows === undefined) return "Executions";
  if (rows.length === 0) return filtered ? "No execution matches." : "There are no executions yet.";
  const failed = rows.filter(({ status }) => status !== ExecutionStatus.OK).length;
  const which = filtered ? "that match" : "newest";
  return failed === 0
    ? `The ${rows.length} ${which}: all were answered.`
    : `The ${rows.length} ${which}: ${rows.length - failed} answered, ${failed} not.`;
}

function List({ rows, query }: { rows: readonly Execution[]; query: URLSearchParams }) {
  return (
    <Table
      caption="Executions, newest first"
      rows={rows}
      keyOf={({ executionId }) => executionId}
      columns={[
        {
          name: "When",
          cell: ({ executionId, createdAt }) => (
            <Link to={withQuery(`/executions/${executionId}`, query)}>
              <When time={createdAt} />
            </Link>
          ),
        },
        { name: "Ended", cell: (row) => <Ended of={row} /> },
        { name: "Agent", cell: ({ agentId }) => agentName(agentId) },
        { name: "Intent", cell: ({ intent }) => intentName(intent) },
        { name: "Score", cell: ({ effectiveScore }) => effectiveScore.toFixed(2), right: true },
        { name: "Tier", cell: ({ tier }) => <TierMark tier={tier} /> },
        { name: "Target", cell: ({ target }) => <Target target={target} /> },
        {
          name: "Tokens",
          cell: ({ usage }) =>
            `${exactCount(usage?.inputTokens ?? 0n)} + ${exactCount(usage?.outputTokens ?? 0n)}`,
          right: true,
        },
        {
          name: "Cost",
          cell: ({ costNanoUsd, priceStatus }) =>
            priceStatus === PriceStatus.UNKNOWN ? "unknown" : <Money nano={costNanoUsd} />,
          right: true,
        },
        { name: "Took", cell: ({ latency }) => spanOf(latency), right: true },
      ]}
    />
  );
}

export function Ended({ of: { status, failureReason } }: { of: Execution }) {
  if (status === ExecutionStatus.OK) return <span className="good">✓ answered</span>;
  const why = failureReason === "" ? "" : ` (${failureReason.toLowerCase().replaceAll("_", " ")})`;
  return (
    <span className={status === ExecutionStatus.FAILED ? "broken-text" : "attention"}>
      ✕ {statusName(status)}
      {why}
    </span>
  );
}
