/** What a month is heading for. */
import { usdFromNano } from "../pricing/cost.ts";
import { DAY_MS, HOUR_MS, hourOf, type Window } from "./calendar.ts";
import { type HourTotals, totalsIn } from "./totals.ts";

export type MonthProjection = Readonly<{
  month: Window;
  spentNanoUsd: bigint;
  cacheSavingNanoUsd: bigint;
  /** Absent: there is nothing to project from. */
  projectedNanoUsd?: bigint;
  /** A sentence with the numbers. */
  explanation: string;
}>;

/** The rate of the last seven days: a working week and its weekend. */
const RATE_MS = 7 * DAY_MS;
/** Less than this says nothing about a month. */
const SHORTEST_MS = HOUR_MS;

/**
 * What is spent, and for the rest of the month the mean rate of the last seven days, or of the time since the first
 * call where that is less.
 * @param hours at least those of the month and of the last seven days
 * @param firstHour the first in which there was a call; absent: there was none
 */
export function projectMonth(
  month: Window,
  hours: readonly HourTotals[],
  firstHour: Date | undefined,
  now: Date,
): MonthProjection {
  const { costNanoUsd: spentNanoUsd, cacheSavingNanoUsd } = totalsIn(
    hoursUntil(month.from, now),
    hours,
  ).totals;
  const spent = { month, spentNanoUsd, cacheSavingNanoUsd };
  const since = new Date(Math.max(firstHour?.getTime() ?? now.getTime(), hourOf(now).getTime() - RATE_MS));
  const observedMs = now.getTime() - since.getTime();
  if (observedMs < SHORTEST_MS) return { ...spent, explanation: "Nothing to project from yet." };
  const observed = totalsIn(hoursUntil(since, now), hours).totals.costNanoUsd;
  const leftMs = Math.max(0, month.to.getTime() - now.getTime());
  const rest = (observed * BigInt(leftMs)) / BigInt(observedMs);
  const perDay = (observed * BigInt(DAY_MS)) / BigInt(observedMs);
  return {
    ...spent,
    projectedNanoUsd: spentNanoUsd + rest,
    explanation: `${usd(spentNanoUsd)} so far, and for the ${days(leftMs)} that are left ${usd(perDay)} a day, the mean of the last ${days(observedMs)}.`,
  };
}

/** Until the end of the hour that is under way: what is in that hour has happened already. */
const hoursUntil = (from: Date, now: Date): Window => ({
  from,
  to: new Date(hourOf(now).getTime() + HOUR_MS),
});

/** To the cent, and amounts below a dollar to the hundredth of one, cut off. */
function usd(nanoUsd: bigint): string {
  const [whole = "0", fraction = ""] = usdFromNano(nanoUsd).split(".");
  const digits = whole === "0" ? 4 : 2;
  return `$${Number(whole).toLocaleString("en-US")}.${fraction.padEnd(digits, "0").slice(0, digits)}`;
}
const days = (ms: number): string => `${(ms / DAY_MS).toFixed(1)} days`;
