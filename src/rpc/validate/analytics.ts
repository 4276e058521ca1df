/** Requests of AnalyticsService about figures: what they ask for once it is known to be right. */
import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import {
  type GetCostTrendRequest,
  type GetProviderPerformanceRequest,
  type TargetBand as ProtoBand,
  Granularity as ProtoGranularity,
  CostGrouping as ProtoGrouping,
  type TimeWindow,
  type WatchOverviewRequest,
} from "../../../gen/modeltier/v1/analytics_pb.js";
import { Tier as ProtoTier } from "../../../gen/modeltier/v1/routing_pb.js";
import { Calendar, DAY_MS, type Granularity, type Window, wholeHours } from "../../analytics/calendar.ts";
import type { CostGrouping } from "../../analytics/cost-trend.ts";
import type { TargetBand } from "../../analytics/distribution.ts";
import type { CostQuestion, PerformanceQuestion } from "../../analytics/reports.ts";
import { tierFromProto } from "../convert/names.ts";
import { LONGEST } from "./bounds.ts";
import { type FieldPath, requireLength, requireRange, Violations } from "./violations.ts";

const LONGEST_WINDOW_DAYS = 400;
const MOST_HOURLY_DAYS = 31;
/** The last whole hour that a Timestamp can name: windows are widened to whole hours. */
const LAST_MS = Date.UTC(9999, 11, 31, 23);
/** "UTC", "Europe/Berlin", "America/Argentina/Ushuaia", "Etc/GMT+5": names, not offsets, which databases read the other way. */
const ZONE = /^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+){0,2}$/;

/** Reads with `read`, and throws InvalidRequestError naming every wrong field when there is any. */
export function reading<T>(read: (found: Violations) => T): T {
  const found = new Violations();
  const value = read(found);
  found.throwIfAny();
  return value;
}

/** @param defaultDays how long the window is when its start is not given */
export function readWindow(
  found: Violations,
  given: TimeWindow | undefined,
  defaultDays: number,
  now: Date,
): Window {
  const to = readMoment(found, given?.end, ["window", "end"]) ?? now;
  const from =
    readMoment(found, given?.start, ["window", "start"]) ?? new Date(to.getTime() - defaultDays * DAY_MS);
  const days = (to.getTime() - from.getTime()) / DAY_MS;
  found.require(days > 0, ["window", "start"], "is not before the end");
  found.require(
    days <= LONGEST_WINDOW_DAYS,
    ["window", "start"],
    `is ${Math.floor(days)} days before the end; at most ${LONGEST_WINDOW_DAYS} are taken`,
  );
  return wholeHours({ from, to });
}

/** Undefined when it is not given, or wrong. */
export function readMoment(
  found: Violations,
  given: Timestamp | undefined,
  path: FieldPath,
): Date | undefined {
  if (given === undefined) return undefined;
  const moment = timestampDate(given);
  const isInRange = moment.getTime() >= 0 && moment.getTime() <= LAST_MS;
  found.require(isInRange, path, "is not a time from 1970 to 9999-12-31T23:00:00Z");
  return isInRange ? moment : undefined;
}

export function readCalendar(found: Violations, zone: string): Calendar {
  const utc = (): Calendar => new Calendar("UTC");
  if (zone === "") return utc();
  try {
    if (ZONE.test(zone)) return new Calendar(zone);
  } catch {
    // named below
  }
  found.add(["time_zone"], 'is not the name of a time zone, as in "Europe/Berlin"');
  return utc();
}

/** @param usual what is not given is taken from it */
export function readBand(found: Violations, given: ProtoBand | undefined, usual: TargetBand): TargetBand {
  const path = ["band"];
  const band = {
    provider: given === undefined || given.provider === "" ? usual.provider : given.provider,
    lowestShare: given?.lowestShare ?? usual.lowestShare,
    highestShare: given?.highestShare ?? usual.highestShare,
  };
  requireText(found, band.provider, LONGEST.modelName, [...path, "provider"]);
  requireRange(found, band.lowestShare, [0, 1], [...path, "lowest_share"]);
  requireRange(found, band.highestShare, [0, 1], [...path, "highest_share"]);
  found.require(
    !(band.lowestShare > band.highestShare),
    [...path, "highest_share"],
    `is below the lowest share, ${band.lowestShare}`,
  );
  return band;
}

const GRANULARITY: ReadonlyMap<ProtoGranularity, Granularity> = new Map([
  [ProtoGranularity.UNSPECIFIED, "day"],
  [ProtoGranularity.HOUR, "hour"],
  [ProtoGranularity.DAY, "day"],
  [ProtoGranularity.MONTH, "month"],
]);
const GROUPING: ReadonlyMap<ProtoGrouping, CostGrouping> = new Map([
  [ProtoGrouping.UNSPECIFIED, "all"],
  [ProtoGrouping.PROVIDER, "provider"],
  [ProtoGrouping.MODEL, "model"],
  [ProtoGrouping.TIER, "tier"],
  [ProtoGrouping.AGENT, "agent"],
]);

export function readCostQuestion(found: Violations, request: GetCostTrendRequest, now: Date): CostQuestion {
  const granularity = GRANULARITY.get(request.granularity);
  const grouping = GROUPING.get(request.groupBy);
  found.require(
    granularity !== undefined,
    ["granularity"],
    "is not known: use GRANULARITY_HOUR, _DAY or _MONTH",
  );
  found.require(
    grouping !== undefined,
    ["group_by"],
    "is not known: use COST_GROUPING_PROVIDER, _MODEL, _TIER or _AGENT",
  );
  const maxSeries = readSize(found, request.maxSeries, { most: 50, usual: 6 }, ["max_series"]);
  const window = readWindow(found, request.window, 30, now);
  const days = (window.to.getTime() - window.from.getTime()) / DAY_MS;
  // A window that is not cut at whole hours has become longer by the hours at its ends.
  found.require(
    granularity !== "hour" || days <= MOST_HOURLY_DAYS + 1,
    ["window", "start"],
    `is more than ${MOST_HOURLY_DAYS} days before the end: ask for days, or for a shorter window`,
  );
  return { window, granularity: granularity ?? "day", grouping: grouping ?? "all", maxSeries };
}

export function readPerformanceQuestion(
  found: Violations,
  { window, provider, tier }: GetProviderPerformanceRequest,
  now: Date,
): PerformanceQuestion {
  const known = readTier(found, tier);
  requireText(found, provider, LONGEST.modelName, ["provider"]);
  return {
    window: readWindow(found, window, 1, now),
    ...(provider !== "" && { provider }),
    ...(known !== undefined && { tier: known }),
  };
}

/** Undefined for "any". */
export function readTier(found: Violations, tier: ProtoTier) {
  const isKnown = ProtoTier[tier] !== undefined;
  found.require(isKnown, ["tier"], "is not a tier: use TIER_FAST, TIER_BALANCED or TIER_POWERFUL");
  return tierFromProto(tier);
}

const INTERVAL_SECONDS = { least: 2, usual: 5, most: 60 } as const;

/** In ms. */
export function readInterval(found: Violations, { interval }: WatchOverviewRequest): number {
  if (interval === undefined) return INTERVAL_SECONDS.usual * 1000;
  const seconds = Number(interval.seconds) + interval.nanos / 1e9;
  requireRange(found, seconds, [INTERVAL_SECONDS.least, INTERVAL_SECONDS.most], ["interval"]);
  return seconds * 1000;
}

/** A number of things to give; 0: the usual. */
export function readSize(
  found: Violations,
  given: number,
  { most, usual }: Readonly<{ most: number; usual: number }>,
  path: FieldPath,
): number {
  found.require(
    given >= 0 && given <= most,
    path,
    `is ${given}; it must be from 1 to ${most}, or 0 for ${usual}`,
  );
  return given === 0 ? usual : given;
}

/** Text that the database can be asked for. */
export function requireText(found: Violations, value: string, limit: number, path: FieldPath): void {
  requireLength(found, value, limit, path);
  found.require(!value.includes("\u0000"), path, "holds a NUL character");
  found.require(value.isWellFormed(), path, "holds half of a surrogate pair");
}
