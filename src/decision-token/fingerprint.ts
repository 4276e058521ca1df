/** A configuration in a few characters, as far as it matters to a decision that was made in one of its tiers. */
import { createHash } from "node:crypto";
import type { CatalogueModel } from "../pricing/types.ts";
import { scorerOf } from "../routing/router.ts";
import type { ModelTarget, RoutingConfig, Tier } from "../routing/types.ts";

/** A configuration never changes, so each is read once a tier. */
const known = new WeakMap<RoutingConfig, Map<Tier, string>>();

/**
 * Equal for two configurations that would score alike, and run what was decided in this tier alike. Not part of it: the
 * version's number, the other tiers' targets, prices, and what only the running of attempts depends on (timers, limits).
 */
export function fingerprintOf(config: RoutingConfig, tier: Tier): string {
  const ofConfig = known.get(config) ?? new Map<Tier, string>();
  const found = ofConfig.get(tier);
  if (found !== undefined) return found;
  const computed = computeFingerprint(config, tier);
  known.set(config, ofConfig.set(tier, computed));
  return computed;
}

function computeFingerprint(config: RoutingConfig, tier: Tier): string {
  const { agentWeight, stepWeight, thresholds, coldStartScore, creationWeight, executionWeight } = config;
  const {
    preset,
    calibration,
    shadowScorer,
    limits,
    weights,
    failureLimit,
    minimumOutputTokens,
    retiredModels,
  } = config;
  const isLearned = config.agentScore?.serve || undefined;
  const { targets, maxOutputTokens, temperature } = config.tiers[tier];
  const facts = {
    scorer: { preset, ...scorerOf(config), calibration, shadowScorer },
    scoring: { agentWeight, stepWeight, thresholds, limits, weights, failureLimit, minimumOutputTokens },
    agents: { coldStartScore, creationWeight, executionWeight, isLearned },
    tier: { targets, maxOutputTokens, temperature, retiredModels },
    models: targets.flatMap((target) => listLine(target, config.catalogue)),
  };
  return createHash("sha256").update(JSON.stringify(facts, sortKeys)).digest("base64url").slice(0, 11);
}

/** What the router reads of a target's model and of its successors. The catalogue has refused circles. */
function listLine(target: ModelTarget, catalogue: RoutingConfig["catalogue"]): unknown[] {
  const line: unknown[] = [];
  let model: CatalogueModel | undefined = catalogue.findModel(target.provider, target.model);
  while (model !== undefined) {
    const { prices: _, ...rest }: CatalogueModel = model;
    line.push(rest);
    model = rest.successor && catalogue.findModel(rest.successor.provider, rest.successor.model);
  }
  return line;
}

/** The same text whatever order the keys were written in: one configuration is code, another came from a database. */
const sortKeys = (_: string, value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value;
