import type {
  ModelOverride as ProtoModelOverride,
  PriceOverride as ProtoPriceOverride,
} from "../../../gen/modeltier/v1/routing_config_pb.js";
import type { ModelOverride, PriceOverride } from "../../config/document.ts";
import type { PriceBand } from "../../pricing/types.ts";

export const targetFromProto = (target: Readonly<{ provider: string; model: string }> | undefined) => ({
  provider: target?.provider ?? "",
  model: target?.model ?? "",
});

/** What was left out stays out: it is the catalogue's then. */
export function modelOverrideFromProto(override: ProtoModelOverride): ModelOverride {
  const { contextWindowTokens, maxOutputTokens, successor } = override;
  return {
    target: targetFromProto(override.target),
    ...(contextWindowTokens !== undefined && { contextWindowTokens: Number(contextWindowTokens) }),
    ...(maxOutputTokens !== undefined && { maxOutputTokens: Number(maxOutputTokens) }),
    ...(override.tools !== undefined && { tools: override.tools }),
    ...(override.forcedTools !== undefined && { forcedTools: override.forcedTools }),
    ...(override.images !== undefined && { images: override.images }),
    ...(override.jsonObject !== undefined && { jsonObject: override.jsonObject }),
    ...(override.jsonSchema !== undefined && { jsonSchema: override.jsonSchema }),
    ...(override.retiredOn !== undefined && { retiredOn: override.retiredOn }),
    ...(successor !== undefined && { successor: targetFromProto(successor) }),
  };
}

/** A limit of 0 is none. */
export function priceOverrideFromProto(override: ProtoPriceOverride): PriceOverride {
  return {
    target: targetFromProto(override.target),
    effectiveFrom: override.effectiveFrom,
    source: override.source,
    bands: override.bands.map(
      (band): PriceBand => ({
        ...(band.upToInputTokens !== 0n && { upToInputTokens: Number(band.upToInputTokens) }),
        freshInputMicroUsdPerMtok: band.freshInputMicroUsdPerMtok,
        cachedInputMicroUsdPerMtok: band.cachedInputMicroUsdPerMtok,
        cacheWriteMicroUsdPerMtok: band.cacheWriteMicroUsdPerMtok,
        outputMicroUsdPerMtok: band.outputMicroUsdPerMtok,
      }),
    ),
  };
}

export const priceOverrideToProto = ({ target, effectiveFrom, source, bands }: PriceOverride) => ({
  target,
  effectiveFrom,
  source,
  bands: bands.map((band) => ({ ...band, upToInputTokens: BigInt(band.upToInputTokens ?? 0) })),
});
