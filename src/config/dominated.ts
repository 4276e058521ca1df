/** Targets that cost more than another one the operator trusts as much, and offer nothing that it lacks. */
import { isRetired } from "../pricing/catalogue.ts";
import { costOf, findBand, findPrice } from "../pricing/cost.ts";
import type { CatalogueModel, ModelCapabilities, PriceBand } from "../pricing/types.ts";
import { type RoutingConfig, TIERS, type Tier } from "../routing/types.ts";

/** @property by the cheaper target, and the tier that names it */
export type Dominated = Readonly<{ tier: Tier; index: number; by: CatalogueModel; byTier: Tier }>;

/**
 * How good a model's answers are is in no catalogue; how far an operator trusts it is in the tiers. So a target is compared with those
 * of stronger tiers and with those that its own tier asks after it. A fallback may cost more than what is asked before it.
 * @param today UTC, YYYY-MM-DD
 */
export function listDominated({ tiers, catalogue }: RoutingConfig, today: string): readonly Dominated[] {
  const targets = TIERS.flatMap((tier, strength) =>
    tiers[tier].targets.map(({ provider, model }, index) => ({
      tier,
      strength,
      index,
      listed: catalogue.findModel(provider, model),
    })),
  );
  return targets.flatMap(({ tier, strength, index, listed }) => {
    if (listed === undefined || isRetired(listed, today)) return [];
    const better = targets.find(
      (other) =>
        (other.strength > strength || (other.strength === strength && other.index > index)) &&
        other.listed !== undefined &&
        dominates(other.listed, listed, today),
    );
    return better?.listed === undefined ? [] : [{ tier, index, by: better.listed, byTier: better.tier }];
  });
}

/** Whatever is spent, it is input and output; a call of this shape says which of two models is dearer. */
export const TYPICAL_CALL = {
  freshInputTokens: 2_000,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 500,
};

/** It is served, offers at least the same, costs less for a typical call, and no more for any prompt and any kind of token. */
function dominates(cheaper: CatalogueModel, dearer: CatalogueModel, today: string): boolean {
  const costsLess =
    costOf(cheaper, today, TYPICAL_CALL).costNanoUsd < costOf(dearer, today, TYPICAL_CALL).costNanoUsd;
  return (
    costsLess &&
    !isRetired(cheaper, today) &&
    cheaper.contextWindowTokens >= dearer.contextWindowTokens &&
    cheaper.maxOutputTokens >= dearer.maxOutputTokens &&
    takesAsMuch(cheaper.capabilities, dearer.capabilities) &&
    neverCostsMore(cheaper, dearer, today)
  );
}

/** Prices change where a band of either ends, so these sizes of prompt stand for all that the dearer one takes. */
function neverCostsMore(cheaper: CatalogueModel, dearer: CatalogueModel, today: string): boolean {
  const [lower, higher] = [findPrice(cheaper, today), findPrice(dearer, today)];
  if (lower === undefined || higher === undefined) return false;
  const sizes = [...lower.bands, ...higher.bands]
    .map(({ upToInputTokens }) => upToInputTokens ?? dearer.contextWindowTokens)
    .filter((size) => size <= dearer.contextWindowTokens);
  return sizes.every((size) => {
    const [low, high] = [findBand(lower, BigInt(size)), findBand(higher, BigInt(size))];
    if (low === undefined || high === undefined) return false;
    const most = ratesOf(high);
    return ratesOf(low).every((rate, kind) => rate <= (most[kind] ?? 0n));
  });
}

const ratesOf = (band: PriceBand): readonly bigint[] => [
  band.freshInputMicroUsdPerMtok,
  band.cachedInputMicroUsdPerMtok,
  band.cacheWriteMicroUsdPerMtok,
  band.outputMicroUsdPerMtok,
];

const FLAGS = ["tools", "forcedTools", "images", "jsonObject", "jsonSchema"] as const;

/** A model that always thinks cannot stand in for one that need not, nor one that never does for one that can. */
const takesAsMuch = (one: ModelCapabilities, other: ModelCapabilities): boolean =>
  FLAGS.every((flag) => one[flag] || !other[flag]) &&
  (one.thinking === other.thinking || one.thinking === "optional");
