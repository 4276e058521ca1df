/** Has the providers, the breakers and the metrics follow the configuration in force, and the settings when they are read again. */
import type { TargetHealth } from "../completion/target-health.ts";
import type { ActiveConfig } from "../config/active-config.ts";
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
  const takeProviders = ({ document }: Pick<typeof active.current, "document">): readonly string[] => {
    const changed = hub.replace(
      providersOf(settings, document.customProviders),
      settings.sandbox ? sandboxBaseUrls : undefined,
    );
    health.reset();
    return changed;
  };
  active.follow((next) => {
    takeProviders(next);
    showConfig(next.config, metrics);
  });
  return {
    settings: () => settings,
    reload(latest) {
      settings = latest;
      return takeProviders(active.current);
    },
  };
}

/** What dashboards and alerts hold the service against. */
export function showConfig(config: RoutingConfig, metrics: FollowOptions["metrics"]): void {
  const { tiers, distribution } = config;
  const provider = distribution.provider ?? tiers.balanced.targets[0]?.provider ?? "";
  metrics.configVersion.set(config.version);
  metrics.distributionTarget.reset();
  metrics.distributionTarget.set({ provider, bound: "lowest" }, distribution.lowestShare);
  metrics.distributionTarget.set({ provider, bound: "highest" }, distribution.highestShare);
}
