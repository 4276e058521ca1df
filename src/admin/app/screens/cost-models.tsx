/** What each model cost, and which targets are not worth what they cost. */
import { useQuery } from "@connectrpc/connect-query";
import type { ModelPerformance } from "../../../../gen/modeltier/v1/analytics_pb.js";
import { ConfigWarningKind, type GetConfigResponse } from "../../../../gen/modeltier/v1/config_pb.js";
import { ConfigService } from "../../../../gen/modeltier/v1/config_service_pb.js";
import type { Model } from "../../../../gen/modeltier/v1/provider_pb.js";
import { ProviderService } from "../../../../gen/modeltier/v1/provider_service_pb.js";
import { Link } from "../frame/router.tsx";
import { Retirement } from "../parts/retirement.tsx";
import { Table } from "../parts/table.tsx";
import { Count, Money, Target } from "../parts/values.tsx";
import { percent, spanOf } from "../text/format.ts";
import { NothingSpent } from "./nothing-spent.tsx";

export function CostModels({ rows, days }: { rows: readonly ModelPerformance[]; days: number }) {
  const providers = useQuery(ProviderService.method.listProviders, {});
  const known = (row: ModelPerformance): Model | undefined =>
    providers.data?.providers
      .find(({ id }) => id === row.target?.provider)
      ?.models.find(({ model }) => model === row.target?.model);
  if (rows.length === 0) return <NothingSpent days={days} />;
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

/** What is said of a target in a tier that makes it worth another look. */
const NOT_WORTH_IT: ReadonlySet<ConfigWarningKind> = new Set([
  ConfigWarningKind.RETIRED_TARGET,
  ConfigWarningKind.DOMINATED_TARGET,
  ConfigWarningKind.DOMINATED_TIER,
  ConfigWarningKind.OUTPERFORMED_TIER,
]);

/** The targets that are called though they are retired, or cost more than what would do as well. */
export function NotWorthIt() {
  const { data } = useQuery(ConfigService.method.getConfig, {});
  const rows = data?.warnings.filter(({ kind }) => NOT_WORTH_IT.has(kind)) ?? [];
  if (data === undefined || rows.length === 0) return null;
  return (
    <section className="stack card">
      <h2>Targets to look at</h2>
      <Table
        caption="Retired and dominated targets"
        rows={rows}
        keyOf={({ field, description }) => field + description}
        columns={[
          { name: "Tier", cell: ({ field }) => targetOf(data, field)?.tier ?? "–" },
          { name: "Target", cell: ({ field }) => <Target target={targetOf(data, field)?.target} /> },
          {
            name: "What",
            cell: ({ kind }) =>
              kind === ConfigWarningKind.RETIRED_TARGET ? (
                <span className="broken-text">✕ retired</span>
              ) : (
                <span className="attention">
                  ! {kind === ConfigWarningKind.OUTPERFORMED_TIER ? "answers worse" : "dominated"}
                </span>
              ),
          },
          { name: "Why", cell: ({ description }) => description },
        ]}
      />
      <p className="muted">
        Try another under What if, or <Link to="/config">change it</Link>.
      </p>
    </section>
  );
}

/** The target a warning's field names: "tiers.fast.targets[0]". */
function targetOf({ config }: GetConfigResponse, field: string) {
  const [, tier, index] = /^tiers\.(fast|balanced|powerful)\.targets\[(\d+)\]/.exec(field) ?? [];
  if (tier === undefined) return undefined;
  const target = config?.tiers?.[tier as "fast" | "balanced" | "powerful"]?.targets[Number(index)];
  return target === undefined ? undefined : { tier, target };
}
