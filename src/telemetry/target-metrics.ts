/** The configured targets as a gauge, so that a query can ask for "the provider that balanced names first". */
import { Gauge, type Registry } from "prom-client";
import { type RoutingConfig, TIERS } from "../routing/types.ts";

/** @param config in force; read at every scrape */
export function addTargetGauge(registry: Registry, config: () => Pick<RoutingConfig, "tiers">): void {
  new Gauge({
    name: "modeltier_tier_target",
    help: "Place of a target among those of its tier, 1 being the first to try. Targets that are not configured have none.",
    labelNames: ["tier", "provider", "model"],
    aggregator: "max",
    registers: [registry],
    collect() {
      this.reset();
      const { tiers } = config();
      for (const tier of TIERS) {
        for (const [index, { provider, model }] of tiers[tier].targets.entries()) {
          this.set({ tier, provider, model }, index + 1);
        }
      }
    },
  });
}
