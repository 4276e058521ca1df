/** An operator's first look, put together from what was counted. */
import type { ModelTarget } from "../routing/types.ts";
import { type Calendar, DAY_MS, HOUR_MS, hourOf, type Window } from "./calendar.ts";
import type { Distribution } from "./distribution.ts";
import type { ModelPerformance } from "./performance.ts";
import { type MonthProjection, projectMonth } from "./projection.ts";
import { type HourTotals, type PeriodTotals, totalsIn } from "./totals.ts";

const DAYS_OF_WEEK = 7;

export type LastFailure = ModelTarget & Readonly<{ outcome: string; executionId: string; at: Date }>;
export type ProviderHealth = Readonly<{ performance: ModelPerformance; lastFailure?: LastFailure }>;

export type Overview = Readonly<{
  asOf: Date;
  today: PeriodTotals;
  yesterday: PeriodTotals;
  /** Until this time of day. */
  yesterdaySoFar: PeriodTotals;
  monthToDate: PeriodTotals;
  /** Seven days, the last of them today. */
  week: readonly PeriodTotals[];
  providers: readonly ProviderHealth[];
  distribution: Distribution;
  month: MonthProjection;
}>;

/** The spans of time that an overview speaks of. */
export type Spans = Readonly<{
  /** Until now. */
  today: Window;
  /** The six days before today, in order. */
  daysBefore: readonly Window[];
  yesterday: Window;
  yesterdaySoFar: Window;
  month: Window;
  /** In whole hours: everything that has to be read. */
  all: Window;
}>;

export function spansOf(calendar: Calendar, now: Date): Spans {
  const today = calendar.dayOf(now);
  const starts = [today];
  while (starts.length < DAYS_OF_WEEK) starts.unshift(calendar.dayBefore(starts[0] ?? today));
  const daysBefore = starts.slice(0, -1).map((from, index) => ({ from, to: starts[index + 1] ?? today }));
  const yesterday = { from: calendar.dayBefore(today), to: today };
  const sameTime = yesterday.from.getTime() + (now.getTime() - today.getTime());
  return {
    today: { from: today, to: now },
    daysBefore,
    yesterday,
    yesterdaySoFar: { from: yesterday.from, to: new Date(Math.min(sameTime, today.getTime())) },
    month: { from: calendar.monthOf(now), to: calendar.monthAfter(now) },
    all: { from: firstOf(calendar.monthOf(now), starts[0] ?? today, rateSince(now)), to: nextHour(now) },
  };
}

/** What a projection of this month has to read, in whole hours. */
export const projectionSpan = (calendar: Calendar, now: Date): Window => ({
  from: firstOf(calendar.monthOf(now), rateSince(now)),
  to: nextHour(now),
});

export type Counted = Readonly<{
  hours: readonly HourTotals[];
  firstHour: Date | undefined;
  providers: readonly ProviderHealth[];
  distribution: Distribution;
}>;

export function overviewOf(spans: Spans, counted: Counted, now: Date): Overview {
  const { hours, firstHour, providers, distribution } = counted;
  const soFar = (from: Date): PeriodTotals => ({
    // The hour that is under way holds only what has happened: all of it counts.
    ...totalsIn({ from, to: nextHour(now) }, hours),
    period: { from, to: now },
  });
  const today = soFar(spans.today.from);
  const before = spans.daysBefore.map((day) => totalsIn(day, hours));
  return {
    asOf: now,
    today,
    yesterday: totalsIn(spans.yesterday, hours),
    yesterdaySoFar: totalsIn(spans.yesterdaySoFar, hours),
    monthToDate: soFar(spans.month.from),
    week: [...before, today],
    providers,
    distribution,
    month: projectMonth(spans.month, hours, firstHour, now),
  };
}

const rateSince = (now: Date): Date => new Date(hourOf(now).getTime() - 7 * DAY_MS);
const nextHour = (now: Date): Date => new Date(hourOf(now).getTime() + HOUR_MS);
const firstOf = (...dates: readonly Date[]): Date => new Date(Math.min(...dates.map(Number)));
