/** The catalogue as an operator corrects it. */
import { createCatalogue, parametersOf } from "../pricing/catalogue.ts";
import type { Catalogue, CatalogueModel, ModelCapabilities, Price } from "../pricing/types.ts";
import { type ModelTarget, targetKey } from "../routing/types.ts";
import type { ModelOverride, PriceOverride } from "./document.ts";

const NO_CAPABILITIES: ModelCapabilities = {
  tools: false,
  forcedTools: false,
  images: false,
  jsonObject: false,
  jsonSchema: false,
  thinking: "never",
};

/**
 * The same catalogue with the overrides in it; itself when there are none.
 * @throws Error naming every problem: a window or a price that is none, a successor that is missing or leads in a circle
 */
export function withOverrides(
  catalogue: Catalogue,
  models: readonly ModelOverride[],
  prices: readonly PriceOverride[],
): Catalogue {
  return models.length === 0 && prices.length === 0
    ? catalogue
    : createCatalogue(overrideModels(catalogue, models, prices));
}

/** The models with the overrides in them, unchecked. */
export function overrideModels(
  catalogue: Catalogue,
  models: readonly ModelOverride[],
  prices: readonly PriceOverride[],
): readonly CatalogueModel[] {
  const byKey = new Map(catalogue.models.map((model) => [targetKey(model), model]));
  for (const override of models) {
    const listed = byKey.get(targetKey(override.target)) ?? unlisted(override.target, catalogue);
    byKey.set(targetKey(override.target), overridden(listed, override));
  }
  const newestLast = [...prices].sort((a, b) => (a.effectiveFrom < b.effectiveFrom ? -1 : 1));
  for (const override of newestLast) {
    const model = byKey.get(targetKey(override.target)) ?? unlisted(override.target, catalogue);
    byKey.set(targetKey(model), { ...model, prices: repriced(model.prices, override) });
  }
  return [...byKey.values()];
}

/** A window and a cap of 0 are problems unless an override gives them. */
const unlisted = ({ provider, model }: ModelTarget, catalogue: Catalogue): CatalogueModel => ({
  provider,
  model,
  contextWindowTokens: 0,
  maxOutputTokens: 0,
  capabilities: NO_CAPABILITIES,
  parameters: parametersOf(catalogue, { provider, model }),
  prices: [],
});

function overridden(model: CatalogueModel, override: ModelOverride): CatalogueModel {
  const { target: _, contextWindowTokens, maxOutputTokens, retiredOn, successor, ...capabilities } = override;
  const said = Object.fromEntries(Object.entries(capabilities).filter(([, value]) => value !== undefined));
  const { retiredOn: listedRetirement, ...rest } = model;
  const retirement = retiredOn ?? listedRetirement;
  return {
    ...rest,
    contextWindowTokens: contextWindowTokens ?? model.contextWindowTokens,
    maxOutputTokens: maxOutputTokens ?? model.maxOutputTokens,
    capabilities: { ...model.capabilities, ...said },
    ...(retirement !== undefined && retirement !== "" && { retiredOn: retirement }),
    ...(successor !== undefined && { successor }),
  };
}

/** Prices from before the day stay: what was spent then was spent at them. */
function repriced(prices: readonly Price[], { effectiveFrom, source, bands }: PriceOverride): Price[] {
  return [...prices.filter((price) => price.effectiveFrom < effectiveFrom), { effectiveFrom, source, bands }];
}
