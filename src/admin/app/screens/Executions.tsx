import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { useInfiniteQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import { useState } from "react";
import { AnalyticsService } from "../../../../gen/modeltier/v1/analytics_service_pb.js";
import { type Execution, ExecutionStatus } from "../../../../gen/modeltier/v1/execution_pb.js";
import { PriceStatus, type Tier } from "../../../../gen/modeltier/v1/routing_pb.js";
import { Link, navigate, useAddress } from "../frame/router.tsx";
import { Asked, Empty } from "../parts/states.tsx";
import { Table } from "../parts/table.tsx";
import { Money, Target, TierMark, When } from "../parts/values.tsx";
import { exactCount, spanOf } from "../text/format.ts";
import { intentName, listIntents, statusName, TIERS, tierName } from "../text/names.ts";

const STATUSES = [
  ExecutionStatus.OK,
  ExecutionStatus.FAILED,
  ExecutionStatus.CANCELLED,
  ExecutionStatus.DEADLINE_EXCEEDED,
];
const HOURS: Readonly<Record<string, string>> = { "1": "last hour", "24": "last day", "168": "last week" };
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** "team=sales" as a label; nothing while it is not whole. */
function labelOf(text: string): Record<string, string> {
  const [, name, value] = /^([^=]+)=(.*)$/.exec(text) ?? [];
  return name === undefined || value === undefined ? {} : { [name]: value };
}

/** The filters as the address has them; whole minutes, so that the same question is asked again. */
function filtersOf(query: URLSearchParams, nowMs: number) {
  const hours = Number(query.get("hours") ?? 0);
  const start = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS - hours * HOUR_MS;
  return {
    agentId: query.get("agent") ?? "",
    provider: query.get("provider") ?? "",
    model: query.get("model") ?? "",
    sessionId: query.get("session") ?? "",
    labels: labelOf(query.get("label") ?? ""),
    tier: Number(query.get("tier") ?? 0) as Tier,
    status: Number(query.get("status") ?? 0),
    intent: Number(query.get("intent") ?? 0),
    ...(hours > 0 && { window: { start: timestampFromDate(new Date(start)) } }),
  };
}

export function Executions() {
  const { query } = useAddress();
  const [openedAt] = useState(Date.now());
  const found = useInfiniteQuery(
    AnalyticsService.method.listExecutions,
    { ...filtersOf(query, openedAt), pageSize: 50, pageToken: "" },
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
      <Filters query={query} />
      <Asked of={{ data: executions, error: found.error, refetch: found.refetch }} height={480}>
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
            <List rows={rows} />
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
  if (rows === undefined || rows.length === 0) return "Executions";
  const failed = rows.filter(({ status }) => status !== ExecutionStatus.OK).length;
  const which = filtered ? "that match" : "newest";
  return failed === 0
    ? `The ${rows.length} ${which}: all were answered.`
    : `The ${rows.length} ${which}: ${rows.length - failed} answered, ${failed} not.`;
}

function Filters({ query }: { query: URLSearchParams }) {
  const set = (name: string, value: string) => {
    const next = new URLSearchParams(query);
    if (value === "" || value === "0") next.delete(name);
    else next.set(name, value);
    navigate(`/executions${next.size > 0 ? `?${next}` : ""}`, { replace: true });
  };
  const text = (name: string, label: string, search = false) => (
    <label key={name}>
      <span>{label}</span>
      <input
        value={query.get(name) ?? ""}
        onChange={(event) => set(name, event.target.value)}
        {...(search && { "data-search": "" })}
      />
    </label>
  );
  const choice = (name: string, label: string, options: readonly (readonly [string, string])[]) => (
    <label key={name}>
      <span>{label}</span>
      <select value={query.get(name) ?? ""} onChange={(event) => set(name, event.target.value)}>
        <option value="">any</option>
        {options.map(([value, shown]) => (
          <option key={value} value={value}>
            {shown}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <search className="grid fields">
      {text("agent", "Agent", true)}
      {choice(
        "tier",
        "Tier",
        TIERS.map((tier) => [String(tier), tierName(tier)] as const),
      )}
      {text("provider", "Provider")}
      {text("model", "Model")}
      {choice(
        "status",
        "Ended",
        STATUSES.map((status) => [String(status), statusName(status)] as const),
      )}
      {choice(
        "intent",
        "Intent",
        listIntents().map((intent) => [String(intent), intentName(intent)] as const),
      )}
      {text("session", "Session")}
      {text("label", "Label, as key=value")}
      {choice("hours", "When", Object.entries(HOURS))}
    </search>
  );
}

function List({ rows }: { rows: readonly Execution[] }) {
  return (
    <Table
      caption="Executions, newest first"
      rows={rows}
      keyOf={({ executionId }) => executionId}
      columns={[
        {
          name: "When",
          cell: ({ executionId, createdAt }) => (
            <Link to={`/executions/${executionId}`}>
              <When time={createdAt} />
            </Link>
          ),
        },
        { name: "Ended", cell: (row) => <Ended of={row} /> },
        { name: "Agent", cell: ({ agentId }) => agentId },
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
