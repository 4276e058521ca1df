import { create } from "@bufbuild/protobuf";
import {
  type Model,
  ModelSchema,
  type Provider,
  ProviderSchema,
} from "../../../gen/modeltier/v1/provider_pb.js";
import { isRetired } from "../../pricing/catalogue.ts";
import { findPrice } from "../../pricing/cost.ts";
import type { CatalogueModel } from "../../pricing/types.ts";
import type { ProviderSnapshot } from "../../providers/hub.ts";
import {
  type ProviderState,
  type RoutingConfig,
  type TargetState,
  TIERS,
  targetKey,
} from "../../routing/types.ts";
import type { ProviderSettings } from "../../settings/providers.ts";
import { PROTO_BREAKER, PROTO_PRICE_STATUS, PROTO_TIER } from "./names.ts";

type Known = Readonly<{
  config: RoutingConfig;
  state: Pick<ProviderState, "today" | "targets">;
}>;

/** The providers in the order of their ids, each with the catalogue's models and those that tiers name. Never a key. */
export function providersToProto(snapshot: ProviderSnapshot, known: Known): Provider[] {
  return snapshot.settings
    .map((provider) => providerToProto(provider, known))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

function providerToProto(provider: ProviderSettings, known: Known): Provider {
  const keyPresent = provider.apiKey !== undefined || !provider.keyRequired;
  return create(ProviderSchema, {
    id: provider.id,
    dialect: provider.dialect,
    baseUrl: withoutCredentials(provider.baseUrl),
    keyPresent,
    keyVariables: [...provider.keyVariables],
    missingVariable: keyPresent ? "" : provider.keyVariables[0],
    models: listModelNames(provider.id, known).map((model) => modelToProto(provider.id, model, known)),
  });
}

function withoutCredentials(baseUrl: string): string {
  const url = new URL(baseUrl);
  url.username = "";
  url.password = "";
  url.search = "";
  return url.href.replace(/\/$/, "");
}

function listModelNames(provider: string, { config }: Known): readonly string[] {
  const listed = config.catalogue.models
    .filter((model) => model.provider === provider)
    .map(({ model }) => model);
  const inTiers = TIERS.flatMap((tier) => config.tiers[tier].targets)
    .filter((target) => target.provider === provider)
    .map(({ model }) => model);
  return [...new Set([...listed, ...inTiers])];
}

function modelToProto(provider: string, model: string, { config, state }: Known): Model {
  const listed = config.catalogue.findModel(provider, model);
  const price = listed && findPrice(listed, state.today);
  const target = { provider, model };
  return create(ModelSchema, {
    model,
    contextWindowTokens: BigInt(listed?.contextWindowTokens ?? 0),
    maxOutputTokens: BigInt(listed?.maxOutputTokens ?? 0),
    capabilities: listed === undefined ? [] : listCapabilities(listed),
    priceStatus: PROTO_PRICE_STATUS[price === undefined ? "UNKNOWN" : "KNOWN"],
    prices: price?.bands.map((band) => ({ ...band, upToInputTokens: BigInt(band.upToInputTokens ?? 0) })),
    pricesEffectiveFrom: price?.effectiveFrom,
    priceSource: price?.source,
    retiredOn: listed?.retiredOn,
    retired: listed !== undefined && isRetired(listed, state.today),
    successor: listed?.successor,
    tiers: TIERS.filter((tier) =>
      config.tiers[tier].targets.some((other) => targetKey(other) === targetKey(target)),
    ).map((tier) => PROTO_TIER[tier]),
    breaker: PROTO_BREAKER[breakerOf(state.targets.get(targetKey(target)))],
  });
}

const breakerOf = (target: TargetState | undefined): TargetState["breaker"] => target?.breaker ?? "closed";

function listCapabilities({ capabilities, parameters }: CatalogueModel): string[] {
  const offered: Readonly<Record<string, boolean>> = {
    tools: capabilities.tools,
    forced_tools: capabilities.forcedTools,
    images: capabilities.images,
    json: capabilities.jsonObject,
    json_schema: capabilities.jsonSchema,
    thinking: capabilities.thinking !== "never",
    temperature: parameters.temperature !== false,
    top_p: parameters.topP,
    seed: parameters.seed,
    stop: parameters.stopSequences > 0,
  };
  return Object.keys(offered).filter((name) => offered[name]);
}
