/** What is published: the routing configuration as people edit it, and the one the router reads made of it. */
import type { Catalogue, PriceBand } from "../pricing/types.ts";
import {
  type AttemptTimers,
  type ModelTarget,
  type RoutingConfig,
  type TierConfig,
  targetKey,
} from "../routing/types.ts";
import { withOverrides } from "./overrides.ts";

/** Timers that one model has of its own. */
export type ModelTimers = Readonly<{ target: ModelTarget; timers: Partial<AttemptTimers> }>;

/** What is different about a model of the catalogue, or all about one that it does not have. */
export type ModelOverride = Readonly<{
  target: ModelTarget;
  contextWindowTokens?: number;
  maxOutputTokens?: number;
  tools?: boolean;
  forcedTools?: boolean;
  images?: boolean;
  jsonObject?: boolean;
  jsonSchema?: boolean;
  /** YYYY-MM-DD; "": it is served after all. */
  retiredOn?: string;
  successor?: ModelTarget;
}>;

/** The price of a model from a day on, in place of what the catalogue has from that day on. */
export type PriceOverride = Readonly<{
  target: ModelTarget;
  /** UTC, YYYY-MM-DD. */
  effectiveFrom: string;
  bands: readonly PriceBand[];
  source: string;
}>;

/** A provider that speaks OpenAI's dialect. */
export type CustomProvider = Readonly<{
  id: string;
  baseUrl: string;
  /** The variable that holds the key; "": it needs none. */
  keyVariable: string;
}>;

/** The whole configuration as one document. It names models and variables; it holds neither catalogue nor keys. */
export type ConfigDocument = Omit<RoutingConfig, "version" | "catalogue" | "modelTimers"> &
  Readonly<{
    modelTimers: readonly ModelTimers[];
    modelOverrides: readonly ModelOverride[];
    priceOverrides: readonly PriceOverride[];
    customProviders: readonly CustomProvider[];
  }>;

/** A configuration that no document was published for, as one. */
export function documentOf(config: RoutingConfig): ConfigDocument {
  const { version: _, catalogue: __, modelTimers = {}, tiers, ...rest } = config;
  const own = Object.entries(modelTimers).map(([key, timers]) => ({ target: targetOfKey(key), timers }));
  return {
    ...rest,
    tiers: {
      fast: withoutEmptyLimits(tiers.fast),
      balanced: withoutEmptyLimits(tiers.balanced),
      powerful: withoutEmptyLimits(tiers.powerful),
    },
    modelTimers: own,
    modelOverrides: [],
    priceOverrides: [],
    customProviders: [],
  };
}

/** No limits and none of them are the same, and a document has one way to say it. */
function withoutEmptyLimits({ limits, ...tier }: TierConfig): TierConfig {
  return limits === undefined || Object.keys(limits).length === 0 ? tier : { ...tier, limits };
}

/** A provider's id has no slash; a model's name may. */
function targetOfKey(key: string): ModelTarget {
  const slash = key.indexOf("/");
  return { provider: key.slice(0, slash), model: key.slice(slash + 1) };
}

/**
 * The configuration that the router reads.
 * @param catalogue as shipped
 * @throws Error when the overrides make no valid catalogue; `validateDocument` finds that before
 */
export function resolveDocument(
  document: ConfigDocument,
  version: number,
  catalogue: Catalogue,
): RoutingConfig {
  const { modelTimers, modelOverrides, priceOverrides, customProviders: _, ...rest } = document;
  return {
    ...rest,
    version,
    catalogue: withOverrides(catalogue, modelOverrides, priceOverrides),
    modelTimers: Object.fromEntries(modelTimers.map(({ target, timers }) => [targetKey(target), timers])),
  };
}
