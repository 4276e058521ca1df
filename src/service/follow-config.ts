/** Has the providers, the breakers and the metrics follow the configuration in force, and the settings when they are read again. */
import { isDeepStrictEqual } from "node:util";
import { bandOf } from "../analytics/distribution.ts";
import type { TargetHealth } from "../completion/target-health.ts";
import type { ActiveConfig } from "../config/active-config.ts";
import type { CustomProvider } from "../config/document.ts";
import type { ProviderHub, SandboxBaseUrls } from "../providers/hub.ts";
import type { RoutingConfig } from "../routing/types.ts";
import type { Settings } from "../settings/settings.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { providersOf } from "./custom-providers.ts";

export type FollowOptions = Readonly<{
  active: ActiveConfig;
  settings: Settings;
  hub: ProviderHub;
  health: TargetHealth;
  metrics: Pick<Metrics, "configVersion" | "distributionTarget">;
  sandboxBaseUrls: SandboxBaseUrls | undefined;
}>;

export type ConfigFollowing = Readonly<{
  /** With the keys and base URLs in use. */
  settings(): Settings;
  /** Takes keys and base URLs anew. @returns the ids of the providers that differ */
  reload(latest: Settings): readonly string[];
}>;

export function followConfig(options: FollowOptions): ConfigFollowing {
  const { active, hub, health, metrics, sandboxBaseUrls } = options;
  let { settings } = options;
  let custom: readonly CustomProvider[] = [];
  const takeProviders = (): readonly string[] =>
    hub.replace(providersOf(settings, custom), settings.sandbox ? sandboxBaseUrls : undefined);
  active.follow(({ config, document: { customProviders } }) => {
    // Clients that are the same are kept, with what they have ready.
    const isSame = isDeepStrictEqual(customProviders, custom);
    custom = customProviders;
    if (!isSame) takeProviders();
    health.reset();
    showConfig(config, metrics);
  });
  return {
    settings: () => settings,
    reload(latest) {
      settings = latest;
      const changed = takeProviders();
      health.reset();
      return changed;
    },
  };
}

/** What dashboards and alerts hold the service against. */
export function showConfig(config: RoutingConfig, metrics: FollowOptions["metrics"]): void {
  const { provider, lowestShare, highestShare } = bandOf(config);
  metrics.configVersion.set(config.version);
  metrics.distributionTarget.reset();
  metrics.distributionTarget.set({ provider, bound: "lowest" }, lowestShare);
  metrics.distributionTarget.set({ provider, bound: "highest" }, highestShare);
}
