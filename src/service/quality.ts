/** What this process knows of how well it routes, for alerts and for whoever validates a configuration. */
import type { Registry } from "prom-client";
import type { Level } from "../agent-score/types.ts";
import { listOutperformed, type SeenOutcomes } from "../config/outperformed.ts";
import { scoreSharesOf } from "../routing/calibrated.ts";
import type { RoutingConfig } from "../routing/types.ts";
import { addQualityGauges } from "../telemetry/quality-metrics.ts";

export type QualityParts = Readonly<{
  registry: Registry;
  config: () => RoutingConfig;
  /** What was learned of everyone; undefined: nothing. */
  fleet: () => Level | undefined;
  /** UTC, YYYY-MM-DD. */
  today: () => string;
}>;

/** @returns what outcomes have taught of the configuration in force */
export function watchQuality({ registry, config, fleet, today }: QualityParts) {
  const seen = (): SeenOutcomes | undefined => {
    const known = fleet();
    return known && { fleet: known, tiers: config().tiers, nowMs: Date.now() };
  };
  addQualityGauges(registry, {
    scoreShares: () => scoreSharesOf(config()),
    listOutperformed: () => listOutperformed(config(), seen(), today()),
  });
  return { seen };
}
