/** What operators ask, answered from the rollups. Every window is in whole hours. */
import type { Kysely } from "kysely";
import type { Tier } from "../routing/types.ts";
import {
  listLastFailures,
  listLatencies,
  listOutcomes,
  listProviderCalls,
} from "../store/attempt-rollups.ts";
import { listCostliest, listCostSteps } from "../store/cost-steps.ts";
import {
  findFirstHour,
  listAgentTotals,
  listHourTotals,
  listServedTargets,
  sumExecutions,
} from "../store/execution-rollups.ts";
import type { Database } from "../store/tables.ts";
import { type Calendar, DAY_MS, type Granularity, HOUR_MS, hourOf, type Window } from "./calendar.ts";
import { type CostGrouping, type CostTrend, costTrendOf } from "./cost-trend.ts";
import { type Distribution, distributionOf, type TargetBand } from "./distribution.ts";
import { type Overview, overviewOf, type ProviderHealth, projectionSpan, spansOf } from "./overview.ts";
import { type ModelPerformance, performanceOf, providerPerformanceOf } from "./performance.ts";
import { type MonthProjection, projectMonth } from "./projection.ts";
import { minus, type Totals } from "./totals.ts";

type Db = Kysely<Database>;

export async function readOverview(
  db: Db,
  calendar: Calendar,
  band: TargetBand,
  now: Date,
): Promise<Overview> {
  const spans = spansOf(calendar, now);
  const thisHour = hourOf(now).getTime();
  const end = new Date(thisHour + HOUR_MS);
  const [hours, firstHour, distribution, providers] = await Promise.all([
    listHourTotals(db, spans.all),
    findFirstHour(db),
    readDistribution(db, { from: new Date(thisHour + HOUR_MS - DAY_MS), to: end }, band),
    readHealth(db, { from: new Date(thisHour - HOUR_MS), to: end }, new Date(now.getTime() - DAY_MS)),
  ]);
  return overviewOf(spans, { hours, firstHour, providers, distribution }, now);
}

export async function readDistribution(db: Db, window: Window, band: TargetBand): Promise<Distribution> {
  const [calls, targets] = await Promise.all([listProviderCalls(db, window), listServedTargets(db, window)]);
  return distributionOf(window, calls, targets, band);
}

/** Of providers that were called in the window, with the last failure that each has had since. */
async function readHealth(db: Db, window: Window, since: Date): Promise<readonly ProviderHealth[]> {
  const [outcomes, latencies] = await Promise.all([
    listOutcomes(db, { window }),
    listLatencies(db, { window }),
  ]);
  const providers = providerPerformanceOf(outcomes, latencies);
  const names = providers.map(({ target }) => target.provider);
  const failures = await listLastFailures(db, names, since);
  return providers.map((performance) => {
    const lastFailure = failures.find(({ provider }) => provider === performance.target.provider);
    return lastFailure === undefined ? { performance } : { performance, lastFailure };
  });
}

export type PerformanceQuestion = Readonly<{ window: Window; provider?: string; tier?: Tier }>;

export async function readPerformance(
  db: Db,
  question: PerformanceQuestion,
): Promise<readonly ModelPerformance[]> {
  const [outcomes, latencies] = await Promise.all([listOutcomes(db, question), listLatencies(db, question)]);
  return performanceOf(outcomes, latencies);
}

export type CostQuestion = Readonly<{
  window: Window;
  granularity: Granularity;
  grouping: CostGrouping;
  /** The most series that are told apart. */
  maxSeries: number;
}>;

export async function readCostTrend(
  db: Db,
  calendar: Calendar,
  { window, granularity, grouping, maxSeries }: CostQuestion,
): Promise<CostTrend> {
  const starts = calendar.stepsOf(window, granularity);
  const keys = await listCostliest(db, window, grouping, maxSeries);
  const steps = await listCostSteps(db, window, starts, grouping, keys);
  return costTrendOf(window, starts, keys, steps);
}

export async function readMonth(db: Db, calendar: Calendar, now: Date): Promise<MonthProjection> {
  const [hours, firstHour] = await Promise.all([
    listHourTotals(db, projectionSpan(calendar, now)),
    findFirstHour(db),
  ]);
  const month = { from: calendar.monthOf(now), to: calendar.monthAfter(now) };
  return projectMonth(month, hours, firstHour, now);
}

export type AgentCosts = Readonly<{
  /** The most expensive first. */
  agents: readonly Readonly<{ agentId: string; totals: Totals }>[];
  others: Totals;
  all: Totals;
}>;

export async function readAgentCosts(db: Db, window: Window, limit: number): Promise<AgentCosts> {
  const agents = await listAgentTotals(db, window, limit);
  // Read last: what is added in between makes the others more, and never less than nothing.
  const all = await sumExecutions(db, window);
  const others = agents.reduce((rest, { totals }) => minus(rest, totals), all);
  return { agents, others, all };
}
