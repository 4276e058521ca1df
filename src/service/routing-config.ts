import { PRESETS } from "../routing/presets.ts";
import { type RoutingConfig, TIERS } from "../routing/types.ts";
import { validateConfig } from "../routing/validate-config.ts";
import { SettingsError } from "../settings/reader.ts";
import type { Settings } from "../settings/settings.ts";
import { withFaultNames } from "./sandbox-catalogue.ts";

/**
 * The preset with what the environment changes of it.
 * @throws SettingsError when the two make no valid configuration
 */
export function routingConfigOf(settings: Settings): RoutingConfig {
  const { preset, tierTargets, retiredModels, promptCache, hedging, timers, delivery, limits } = settings;
  const base = PRESETS[preset];
  const config: RoutingConfig = {
    ...base,
    retiredModels: retiredModels ?? base.retiredModels,
    promptCache: promptCache ?? base.promptCache,
    catalogue: settings.sandbox ? withFaultNames(base.catalogue) : base.catalogue,
    hedging: { ...base.hedging, enabled: hedging ?? base.hedging.enabled },
    delivery: delivery ?? base.delivery,
    tiers: Object.fromEntries(
      TIERS.map((tier) => [
        tier,
        {
          ...base.tiers[tier],
          targets: tierTargets[tier] ?? base.tiers[tier].targets,
          timers: { ...base.tiers[tier].timers, ...timers, ...limits.tiers[tier]?.timers },
          limits: { ...base.tiers[tier].limits, ...limits.tiers[tier]?.limits },
        },
      ]),
    ) as RoutingConfig["tiers"],
    modelTimers: { ...base.modelTimers, ...limits.models },
  };
  const problems = validateConfig(config);
  if (problems.length > 0) throw new SettingsError(problems.map(({ path, message }) => `${path} ${message}`));
  return config;
}
