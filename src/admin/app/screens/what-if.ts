/** The configuration one asks about: one that is there, with another target first in some tiers. */
import { clone, create } from "@bufbuild/protobuf";
import { type RoutingConfig, RoutingConfigSchema } from "../../../../gen/modeltier/v1/routing_config_pb.js";
import { ModelTargetSchema } from "../../../../gen/modeltier/v1/routing_pb.js";

export const TIER_NAMES = ["fast", "balanced", "powerful"] as const;
export type TierName = (typeof TIER_NAMES)[number];

/** By tier, "provider/model". A tier that is not there keeps what it has. */
export type Firsts = Readonly<Partial<Record<TierName, string>>>;

const nameOf = ({ provider, model }: { provider: string; model: string }) => `${provider}/${model}`;

/** What a tier asks first: "kimi/kimi-k2.6". */
export function firstOf(config: RoutingConfig, tier: TierName): string {
  const target = config.tiers?.[tier]?.targets[0];
  return target === undefined ? "" : nameOf(target);
}

/** A copy in which each named tier asks that target first; what it asked before comes after. */
export function candidateOf(base: RoutingConfig, firsts: Firsts): RoutingConfig {
  const candidate = clone(RoutingConfigSchema, base);
  for (const tier of TIER_NAMES) {
    const name = firsts[tier];
    const config = candidate.tiers?.[tier];
    if (name === undefined || config === undefined) continue;
    const [provider = "", ...model] = name.split("/");
    const first = create(ModelTargetSchema, { provider, model: model.join("/") });
    config.targets = [first, ...config.targets.filter((target) => nameOf(target) !== name)];
  }
  return candidate;
}
