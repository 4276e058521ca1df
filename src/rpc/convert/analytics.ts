/** Figures as the contract gives them. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type AgentCostSchema,
  type CostPointSchema,
  type CostSeriesSchema,
  type ModelPerformanceSchema,
  type MonthProjectionSchema,
  OverviewSchema,
  type PercentilesSchema,
  type PeriodTotalsSchema,
  ProjectionMethod,
  BandState as ProtoBandState,
  type Overview as ProtoOverview,
  type ProviderDistribution,
  ProviderDistributionSchema,
  type ProviderHealthSchema,
  type TimeWindowSchema,
  type TotalsSchema,
} from "../../../gen/modeltier/v1/analytics_pb.js";
import type { Window } from "../../analytics/calendar.ts";
import type { CostGrouping, CostPoint, CostSeries } from "../../analytics/cost-trend.ts";
import { type BandState, type Distribution, shareOf } from "../../analytics/distribution.ts";
import type { Overview, ProviderHealth } from "../../analytics/overview.ts";
import type { Percentiles } from "../../analytics/percentiles.ts";
import type { ModelPerformance } from "../../analytics/performance.ts";
import type { MonthProjection } from "../../analytics/projection.ts";
import type { AgentCosts } from "../../analytics/reports.ts";
import type { PeriodTotals, Totals } from "../../analytics/totals.ts";
import type { Tier } from "../../routing/types.ts";
import { PROTO_TIER } from "./names.ts";
import { durationFromMs, targetFromName } from "./route.ts";

type Init<Schema extends Parameters<typeof create>[0]> = MessageInitShape<Schema>;

export const windowToProto = ({ from, to }: Window): Init<typeof TimeWindowSchema> => ({
  start: timestampFromDate(from),
  end: timestampFromDate(to),
});

export const totalsToProto = (totals: Totals): Init<typeof TotalsSchema> => ({
  executions: totals.executions,
  errors: totals.errors,
  fallbacks: totals.fallbacks,
  costNanoUsd: totals.costNanoUsd,
  cacheSavingNanoUsd: totals.cacheSavingNanoUsd,
  executionsOfUnknownPrice: totals.unpricedExecutions,
});

const periodToProto = ({ period, totals }: PeriodTotals): Init<typeof PeriodTotalsSchema> => ({
  start: timestampFromDate(period.from),
  end: timestampFromDate(period.to),
  totals: totalsToProto(totals),
});

export const overviewToProto = (overview: Overview): ProtoOverview =>
  create(OverviewSchema, {
    asOf: timestampFromDate(overview.asOf),
    today: periodToProto(overview.today),
    yesterday: periodToProto(overview.yesterday),
    yesterdaySoFar: periodToProto(overview.yesterdaySoFar),
    monthToDate: periodToProto(overview.monthToDate),
    week: overview.week.map(periodToProto),
    providers: overview.providers.map(healthToProto),
    distribution: distributionToProto(overview.distribution),
    month: projectionToProto(overview.month),
  });

const healthToProto = ({ performance, lastFailure }: ProviderHealth): Init<typeof ProviderHealthSchema> => ({
  provider: performance.target.provider,
  calls: performance.calls,
  failed: performance.failed,
  latency: percentilesToProto(performance.latency),
  firstToken: percentilesToProto(performance.firstToken),
  lastFailure: lastFailure && {
    at: timestampFromDate(lastFailure.at),
    model: lastFailure.model,
    outcome: lastFailure.outcome,
    executionId: lastFailure.executionId,
  },
});

const percentilesToProto = ({ count, values }: Percentiles): Init<typeof PercentilesSchema> => ({
  count,
  p50: values && durationFromMs(values.p50Ms),
  p95: values && durationFromMs(values.p95Ms),
  p99: values && durationFromMs(values.p99Ms),
});

const PROTO_BAND_STATE: Readonly<Record<BandState, ProtoBandState>> = {
  no_calls: ProtoBandState.NO_CALLS,
  below: ProtoBandState.BELOW,
  within: ProtoBandState.WITHIN,
  above: ProtoBandState.ABOVE,
};

export const distributionToProto = (distribution: Distribution): ProviderDistribution =>
  create(ProviderDistributionSchema, {
    window: windowToProto(distribution.window),
    calls: distribution.calls,
    providers: distribution.providers.map(({ tiers, ...provider }) => ({
      ...provider,
      tiers: tiers.map((tier) => ({ ...tier, tier: PROTO_TIER[tier.tier] })),
    })),
    targets: distribution.targets.map(({ tier, provider, model, executions, share }) => ({
      tier: PROTO_TIER[tier],
      target: { provider, model },
      executions,
      share,
    })),
    band: distribution.band,
    bandShare: distribution.bandShare,
    bandState: PROTO_BAND_STATE[distribution.bandState],
  });

export const projectionToProto = (projection: MonthProjection): Init<typeof MonthProjectionSchema> => ({
  month: windowToProto(projection.month),
  spentNanoUsd: projection.spentNanoUsd,
  projectedNanoUsd: projection.projectedNanoUsd,
  method:
    projection.projectedNanoUsd === undefined
      ? ProjectionMethod.UNSPECIFIED
      : ProjectionMethod.SEVEN_DAY_RATE,
  explanation: projection.explanation,
  cacheSavingNanoUsd: projection.cacheSavingNanoUsd,
});

export const costSeriesToProto =
  (grouping: CostGrouping) =>
  ({ key, points, total }: CostSeries): Init<typeof CostSeriesSchema> => ({
    key: seriesKey(grouping, key),
    points: points.map(costPointToProto),
    total: costPointToProto(total),
  });

/** Unset for the one series of everything. */
function seriesKey(grouping: CostGrouping, key: string | null): Init<typeof CostSeriesSchema>["key"] {
  if (key === null) return { case: "other", value: {} };
  switch (grouping) {
    case "all":
      return undefined;
    case "provider":
      return { case: "provider", value: key };
    case "model":
      return { case: "model", value: targetFromName(key) };
    case "tier":
      return { case: "tier", value: PROTO_TIER[key as Tier] };
    case "agent":
      return { case: "agentId", value: key };
  }
}

export const costPointToProto = (point: CostPoint): Init<typeof CostPointSchema> => ({
  start: timestampFromDate(point.start),
  calls: point.calls,
  executions: point.executions,
  costNanoUsd: point.costNanoUsd,
  cacheSavingNanoUsd: point.cacheSavingNanoUsd,
  costPerExecutionNanoUsd: point.executions === 0n ? undefined : point.costNanoUsd / point.executions,
  callsOfUnknownPrice: point.unpricedCalls,
});

export const agentCostToProto =
  (all: Totals) =>
  ({ agentId, totals }: AgentCosts["agents"][number]): Init<typeof AgentCostSchema> => ({
    agentId,
    totals: totalsToProto(totals),
    costPerExecutionNanoUsd: totals.executions === 0n ? 0n : totals.costNanoUsd / totals.executions,
    costShare: shareOf(totals.costNanoUsd, all.costNanoUsd),
  });

export const performanceToProto = (performance: ModelPerformance): Init<typeof ModelPerformanceSchema> => ({
  target: performance.target,
  calls: performance.calls,
  succeeded: performance.succeeded,
  successRate: performance.successRate,
  outcomes: performance.outcomes.map((outcome) => ({ ...outcome })),
  latency: percentilesToProto(performance.latency),
  firstToken: percentilesToProto(performance.firstToken),
  fallbacks: performance.fallbacks,
  fallbackRate: performance.fallbackRate,
  hedges: performance.hedges,
  hedgedOut: performance.hedgedOut,
  cacheHits: performance.cacheHits,
  cacheHitRate: performance.cacheHitRate,
  cachedTokenShare: performance.cachedTokenShare,
  tokens: {
    freshInputTokens: performance.freshInputTokens,
    cachedInputTokens: performance.cachedInputTokens,
    cacheWriteTokens: performance.cacheWriteTokens,
    outputTokens: performance.outputTokens,
  },
  costNanoUsd: performance.costNanoUsd,
  cacheSavingNanoUsd: performance.cacheSavingNanoUsd,
  callsOfUnknownPrice: performance.unpricedCalls,
});
