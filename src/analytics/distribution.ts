/** How calls are spread over providers, and whether one provider's share is where it is meant to be. */
import type { ModelTarget, RoutingConfig, Tier } from "../routing/types.ts";
import type { Window } from "./calendar.ts";

/** Both ends are in it; shares in [0, 1]. */
export type TargetBand = Readonly<{ provider: string; lowestShare: number; highestShare: number }>;

/** As the operator means it: the provider that balanced names first, unless another is named. */
export const bandOf = ({
  tiers,
  distribution,
}: Pick<RoutingConfig, "tiers" | "distribution">): TargetBand => ({
  ...distribution,
  provider: distribution.provider ?? tiers.balanced.targets[0]?.provider ?? "",
});

export type BandState = "no_calls" | "below" | "within" | "above";

/** What was counted. Calls are attempts. */
export type ProviderCalls = Readonly<{ provider: string; tier: Tier; calls: bigint; costNanoUsd: bigint }>;
export type ServedTarget = ModelTarget & Readonly<{ tier: Tier; executions: bigint }>;

export type ProviderShare = Readonly<{
  provider: string;
  calls: bigint;
  /** Of all calls, in [0, 1]. */
  share: number;
  costNanoUsd: bigint;
  /** `share` is of all calls under the tier. */
  tiers: readonly Readonly<{ tier: Tier; calls: bigint; share: number }>[];
}>;

export type Distribution = Readonly<{
  window: Window;
  calls: bigint;
  /** The most called first. */
  providers: readonly ProviderShare[];
  /** As they were counted, each with its share of all executions. */
  targets: readonly (ServedTarget & Readonly<{ share: number }>)[];
  band: TargetBand;
  bandShare: number;
  bandState: BandState;
}>;

export function distributionOf(
  window: Window,
  counted: readonly ProviderCalls[],
  targets: readonly ServedTarget[],
  band: TargetBand,
): Distribution {
  const calls = sumOf(counted, "calls");
  const names = [...new Set(counted.map(({ provider }) => provider))];
  const providers = names
    .map((provider) => shareOfProvider(provider, counted, calls))
    .sort((a, b) => Number(b.calls - a.calls) || (a.provider < b.provider ? -1 : 1));
  const bandShare = providers.find(({ provider }) => provider === band.provider)?.share ?? 0;
  const executions = sumOf(targets, "executions");
  return {
    window,
    calls,
    providers,
    targets: targets.map((target) => ({ ...target, share: shareOf(target.executions, executions) })),
    band,
    bandShare,
    bandState: calls === 0n ? "no_calls" : bandStateOf(bandShare, band),
  };
}

/** @param share in [0, 1] */
export function bandStateOf(share: number, { lowestShare, highestShare }: TargetBand): BandState {
  if (share < lowestShare) return "below";
  return share > highestShare ? "above" : "within";
}

function shareOfProvider(provider: string, counted: readonly ProviderCalls[], all: bigint): ProviderShare {
  const own = counted.filter((row) => row.provider === provider);
  const calls = sumOf(own, "calls");
  const tiers = own.map(({ tier, calls: ofTier }) => {
    const underTier = sumOf(
      counted.filter((row) => row.tier === tier),
      "calls",
    );
    return { tier, calls: ofTier, share: shareOf(ofTier, underTier) };
  });
  return { provider, calls, share: shareOf(calls, all), costNanoUsd: sumOf(own, "costNanoUsd"), tiers };
}

/** In [0, 1]; 0 of nothing. */
export const shareOf = (part: bigint, all: bigint): number => (all === 0n ? 0 : Number(part) / Number(all));

const sumOf = <K extends string>(rows: readonly Readonly<Record<K, bigint>>[], key: K): bigint =>
  rows.reduce((sum, row) => sum + row[key], 0n);
