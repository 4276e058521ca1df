/** Tiers that cost more than another and were seen to succeed less. */
import { learnedScore, newAgent } from "../agent-score/agent-score.ts";
import { fadeTo } from "../agent-score/evidence.ts";
import { settingsOf } from "../agent-score/settings.ts";
import type { Level } from "../agent-score/types.ts";
import { costOf } from "../pricing/cost.ts";
import { type ModelTarget, type RoutingConfig, TIERS, type Tier, targetKey } from "../routing/types.ts";
import { TYPICAL_CALL } from "./dominated.ts";

/** What outcomes have taught of everyone's calls. */
export type SeenOutcomes = Readonly<{
  fleet: Level;
  /** Of the configuration that made them, as far as one is known: the one in force. */
  tiers: RoutingConfig["tiers"];
  nowMs: number;
}>;

export type Outperformed = Readonly<{
  tier: Tier;
  by: Tier;
  first: ModelTarget;
  /** Chances of success on steps like those of the dearer tier, and the outcomes they rest on. */
  success: Readonly<{ own: number; other: number }>;
  outcomes: Readonly<{ own: number; other: number }>;
}>;

/** Fewer say nothing of a tier. */
const LEAST_OUTCOMES = 100;
/** Of a normal distribution: one tier in some 40 that are equal is named by chance. */
const SURE = 1.96;

/**
 * Compared at the score that the dearer tier's steps have on average, so that a tier is not blamed for getting the harder ones.
 * Outcomes of other first targets than the one in force say nothing of a candidate's.
 * @param today UTC, YYYY-MM-DD
 */
export function listOutperformed(
  { tiers, catalogue, agentScore }: RoutingConfig,
  seen: SeenOutcomes | undefined,
  today: string,
): readonly Outperformed[] {
  if (seen === undefined) return [];
  const settings = settingsOf({ ...(agentScore !== undefined && { agentScore }) });
  const everyone = fadeTo(seen.fleet, seen.nowMs, settings.halfLifeMs);
  const known = TIERS.flatMap((tier) => {
    const first = tiers[tier].targets[0];
    const before = seen.tiers[tier].targets[0];
    if (first === undefined || before === undefined || targetKey(first) !== targetKey(before)) return [];
    const cost = costOf(catalogue.findModel(first.provider, first.model), today, TYPICAL_CALL);
    const evidence = everyone.tiers[tier];
    if (cost.priceStatus !== "KNOWN" || evidence.n < LEAST_OUTCOMES) return [];
    return [{ tier, first, cost: cost.costNanoUsd, ...evidence }];
  });
  return known.flatMap((dear): Outperformed[] => {
    const step = Math.min(10, Math.max(0, 5 + (2 * dear.z) / dear.n));
    const { tiers: at } = learnedScore(seen.fleet, newAgent(), { step, nowMs: seen.nowMs }, settings);
    const isWorse = (cheap: (typeof known)[number]) =>
      at[cheap.tier].quality - at[dear.tier].quality >
      SURE * Math.hypot(errorOf(at[dear.tier].quality, dear.n), errorOf(at[cheap.tier].quality, cheap.n));
    const cheap = known.find((other) => other.cost < dear.cost && isWorse(other));
    if (cheap === undefined) return [];
    return [
      {
        tier: dear.tier,
        by: cheap.tier,
        first: cheap.first,
        success: { own: at[dear.tier].quality, other: at[cheap.tier].quality },
        outcomes: { own: dear.n, other: cheap.n },
      },
    ];
  });
}

/** Of a share; graded outcomes vary less than that. */
const errorOf = (share: number, n: number): number => Math.sqrt((share * (1 - share)) / n);
