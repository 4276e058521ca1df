import type { SettingsReader } from "./reader.ts";

const TIERS = ["tiers"];

/** Variables that say something about the routing configuration, with its top-level fields. A published version wins over them. */
export const ROUTING_VARIABLES: Readonly<Record<string, readonly string[]>> = {
  MODELTIER_PRESET: ["preset", "tiers"],
  MODELTIER_RETIRED_MODELS: ["retired_models"],
  MODELTIER_PROMPT_CACHE: ["prompt_cache"],
  MODELTIER_HEDGING: ["hedging"],
  MODELTIER_DELIVERY: ["delivery"],
  MODELTIER_TIER_FAST: TIERS,
  MODELTIER_TIER_BALANCED: TIERS,
  MODELTIER_TIER_POWERFUL: TIERS,
  MODELTIER_HEADERS_TIMEOUT_MS: TIERS,
  MODELTIER_FIRST_TOKEN_TIMEOUT_MS: TIERS,
  MODELTIER_BYTE_SILENCE_MS: TIERS,
  MODELTIER_CONTENT_SILENCE_MS: TIERS,
  MODELTIER_LIMITS: ["tiers", "model_timers"],
};

/** Those of them that are set. */
export const listRoutingVariables = (reader: SettingsReader): readonly string[] =>
  Object.keys(ROUTING_VARIABLES).filter((name) => reader.text(name) !== undefined);

/** The variables that are set, by the top-level field they speak of. */
export function variablesByField(variables: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const fields = new Map<string, string[]>();
  for (const variable of variables) {
    for (const field of ROUTING_VARIABLES[variable] ?? []) {
      fields.set(field, [...(fields.get(field) ?? []), variable]);
    }
  }
  return fields;
}
