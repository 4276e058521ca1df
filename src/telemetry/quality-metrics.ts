/** What alerts hold the quality of routing against: the shares that scores are meant to have, and tiers that are dear and worse. */
import { Gauge, type Registry } from "prom-client";
import { TIERS, type Tier } from "../routing/types.ts";

export type QualityFacts = Readonly<{
  /** Of calibrated scores between whose marks each tier lies; undefined: the calibrated scorer does not look on. */
  scoreShares(): Readonly<Record<Tier, number>> | undefined;
  /** Tiers that cost more than another and were seen to succeed less. */
  listOutperformed(): readonly Readonly<{ tier: Tier; by: Tier }>[];
}>;

/** Read at every scrape. */
export function addQualityGauges(registry: Registry, facts: QualityFacts): void {
  new Gauge({
    name: "modeltier_calibrated_score_target_share",
    help: "The share of calibrated scores that is meant to lie between the marks of a tier. Absent while no calibrated scorer looks on.",
    labelNames: ["tier"],
    aggregator: "max",
    registers: [registry],
    collect() {
      this.reset();
      const shares = facts.scoreShares();
      if (shares !== undefined) for (const tier of TIERS) this.set({ tier }, shares[tier]);
    },
  });
  new Gauge({
    name: "modeltier_tier_outperformed",
    help: "1 for a tier that costs more than another and, by the outcomes of everyone's calls, succeeds less on the steps it gets.",
    labelNames: ["tier", "by"],
    aggregator: "max",
    registers: [registry],
    collect() {
      this.reset();
      for (const { tier, by } of facts.listOutperformed()) this.set({ tier, by }, 1);
    },
  });
}
