/** Shares as a form has them, in text, and what they come to. */
import type { ExperimentReport } from "../../../../gen/modeltier/v1/experiment_pb.js";
import { percent } from "../text/format.ts";

export type ShareForm = Readonly<{
  /** Of the traffic, in percent. */
  traffic: string;
  /** By arm, those that are left alone. */
  weights: Readonly<Record<string, string>>;
  /** Of arms that were taken out, together: whoever is drawn into one of these has the configuration in force. */
  idle: number;
}>;

/** 0.125 is "12.5", without the digits that a multiplication leaves. */
export const percentText = (share: number): string => String(Number((share * 100).toPrecision(12)));

/** "12.5" is 0.125; undefined when it is not above 0 and at most 100. */
export function findShare(text: string): number | undefined {
  const percentage = text.trim() === "" ? Number.NaN : Number(text);
  return percentage > 0 && percentage <= 100 ? Number((percentage / 100).toPrecision(12)) : undefined;
}

/** Undefined when it is not above 0. */
export function findWeight(text: string): number | undefined {
  const weight = text.trim() === "" ? Number.NaN : Number(text);
  return weight > 0 && Number.isFinite(weight) ? weight : undefined;
}

export function shareFormOf({ experiment, arms }: ExperimentReport): ShareForm {
  const stopped = new Set(arms.filter((arm) => arm.stopped).map(({ name }) => name));
  const all = experiment?.arms ?? [];
  return {
    traffic: percentText(experiment?.trafficShare ?? 0),
    weights: Object.fromEntries(
      all.filter(({ name }) => !stopped.has(name)).map(({ name, weight }) => [name, String(weight)]),
    ),
    idle: all.reduce((sum, { name, weight }) => sum + (stopped.has(name) ? weight : 0), 0),
  };
}

/** Of everything, by arm, in [0, 1]; undefined while a field is no share. */
export function sharesOfAll({ traffic, weights, idle }: ShareForm): ReadonlyMap<string, number> | undefined {
  const share = findShare(traffic);
  const parts = Object.entries(weights).map(([name, text]) => ({ name, weight: findWeight(text) }));
  const total = parts.reduce((sum, { weight }) => sum + (weight ?? Number.NaN), idle);
  if (share === undefined || Number.isNaN(total)) return undefined;
  return new Map(parts.map(({ name, weight = 0 }) => [name, (share * weight) / total]));
}

/** "today 10.0 %, kimi 10.0 %; 80.0 % have the configuration in force"; undefined while a field is no share. */
export function sayShares(form: ShareForm): string | undefined {
  const shares = sharesOfAll(form);
  if (shares === undefined) return undefined;
  const each = [...shares].map(([name, share]) => `${name} ${percent(share)}`).join(", ");
  const others = 1 - [...shares.values()].reduce((sum, share) => sum + share, 0);
  return others < 1e-9 ? each : `${each}; ${percent(others)} have the configuration in force`;
}

/** Only what is new: an experiment is told what changes. @throws TypeError while a field is no share */
export function rampOf(form: ShareForm, before: ShareForm) {
  const trafficShare = findShare(form.traffic);
  const weights = Object.entries(form.weights)
    .filter(([name, text]) => text !== before.weights[name])
    .map(([name, text]) => [name, findWeight(text)] as const);
  if (trafficShare === undefined || weights.some(([, weight]) => weight === undefined)) {
    throw new TypeError("a field is no share");
  }
  return {
    ...(form.traffic !== before.traffic && { trafficShare }),
    weights: Object.fromEntries(weights) as Record<string, number>,
  };
}

/** What an experiment compares is the first arm with others: without it, or with it alone, it is over. */
export function endsWithout({ arms }: Pick<ExperimentReport, "arms">, arm: string): boolean {
  const left = arms.filter(({ name, stopped }) => !stopped && name !== arm);
  return left.length < 2 || arms[0]?.name === arm;
}
