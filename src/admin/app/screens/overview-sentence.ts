/** The first line of the overview, made from its data. */
import { BandState, type Overview, type ProviderHealth } from "../../../../gen/modeltier/v1/analytics_pb.js";
import { BreakerState, type Provider } from "../../../../gen/modeltier/v1/provider_pb.js";
import { percent, usd } from "../text/format.ts";
import { breakerName, providerName } from "../text/names.ts";

const OUT: ReadonlySet<BreakerState> = new Set([BreakerState.OPEN, BreakerState.PARKED]);

/**
 * Why a provider does not answer, with the remedy; undefined when it does. Models no tier names do not count.
 * @param lately how it did in the last hours; undefined: it was not called
 * @param sandbox the sandbox answers in its place, and asks for no key
 */
export function findTrouble(
  provider: Provider,
  lately: ProviderHealth | undefined,
  sandbox: boolean,
): string | undefined {
  const name = providerName(provider.id);
  if (!provider.keyPresent && !sandbox) return `${name} has no key: set ${provider.missingVariable}`;
  const routed = provider.models.filter(({ tiers }) => tiers.length > 0);
  const out = routed.filter(({ breaker }) => OUT.has(breaker));
  if (out.length === 0) return sayFailures(name, lately);
  const parked = out.some(({ breaker }) => breaker === BreakerState.PARKED);
  return parked
    ? `${name} refuses our key or ${out[0]?.model}: check ${provider.keyVariables[0] ?? "its settings"}`
    : `${name} is left alone: ${out.map(({ model }) => model).join(", ")} failed too often a moment ago`;
}

/** The state of a provider's breakers: "closed", or "open for kimi-k2". Models no tier names do not count. */
export function sayBreakers({ models }: Provider): string {
  const routed = models.filter(({ tiers }) => tiers.length > 0);
  if (routed.length === 0) return "none: no tier names a model of it";
  const others = routed.filter(({ breaker }) => breaker !== BreakerState.CLOSED);
  return others.map(({ model, breaker }) => `${breakerName(breaker)} for ${model}`).join(", ") || "closed";
}

/** From this share of failed calls on, in [0, 1], a provider is in trouble though it is called. */
const TROUBLE_SHARE = 0.1;

function sayFailures(name: string, lately: ProviderHealth | undefined): string | undefined {
  if (lately === undefined || lately.failed === 0n) return undefined;
  if (lately.failed === lately.calls) return `${name} answered none of its last ${lately.calls} calls`;
  const share = Number(lately.failed) / Number(lately.calls);
  return share < TROUBLE_SHARE ? undefined : `${name} failed ${percent(share)} of its last calls`;
}

/** "All three providers answer; 64 % of calls on Kimi (target 60–70 %); $12.40 today, 3 % under yesterday." */
export const sayOverview = (overview: Overview, providers: readonly Provider[], sandbox: boolean): string =>
  [sayProviders(overview, providers, sandbox), sayDistribution(overview), sayCost(overview)]
    .filter(Boolean)
    .join("; ")
    .concat(".");

const inWords = (size: number): string => ["", "one", "two", "three", "four", "five"][size] ?? String(size);

function sayProviders(
  { providers: lately }: Overview,
  providers: readonly Provider[],
  sandbox: boolean,
): string {
  if (providers.length === 0) return "";
  const healthOf = (id: string) => lately.find(({ provider }) => provider === id);
  const troubles = providers
    .map((provider) => findTrouble(provider, healthOf(provider.id), sandbox))
    .filter((trouble) => trouble !== undefined);
  if (troubles.length > 0) return troubles.join("; ");
  const [one] = providers;
  return one !== undefined && providers.length === 1
    ? `${providerName(one.id)} answers`
    : `All ${inWords(providers.length)} providers answer`;
}

function sayDistribution({ distribution }: Overview): string {
  const band = distribution?.band;
  if (distribution === undefined || band === undefined) return "";
  if (distribution.bandState === BandState.NO_CALLS) return "no calls in the last 24 hours";
  const [from, to] = [Math.round((band.lowestShare ?? 0) * 100), Math.round((band.highestShare ?? 1) * 100)];
  return `${percent(distribution.bandShare)} of calls on ${providerName(band.provider)} (target ${from}–${to} %)`;
}

function sayCost({ today, yesterdaySoFar }: Overview): string {
  const spent = today?.totals?.costNanoUsd ?? 0n;
  const before = yesterdaySoFar?.totals?.costNanoUsd ?? 0n;
  if (before === 0n) return `${usd(spent)} today`;
  const change = Number(spent - before) / Number(before);
  if (Math.abs(change) < 0.005) return `${usd(spent)} today, as much as yesterday by now`;
  return `${usd(spent)} today, ${percent(Math.abs(change))} ${change < 0 ? "under" : "over"} yesterday by now`;
}
