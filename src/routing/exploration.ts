/** Whether a call is tried on the other side of a near threshold. Off unless the configuration says what it may risk. */
import { explore } from "../agent-score/explore.ts";
import { costOf } from "../pricing/cost.ts";
import { findObjection, listCandidates } from "./candidates.ts";
import type { Move } from "./causes.ts";
import { expectedTokens } from "./estimate.ts";
import { planTarget } from "./plan.ts";
import type { RequestScores } from "./score.ts";
import type { Situation } from "./situation.ts";
import { TIERS, type Tier } from "./types.ts";

/** The scores, with what was drawn; the same where nothing may be tried. */
export function withExploration(scores: RequestScores, situation: Situation): RequestScores {
  const { agentScore, thresholds } = situation.config;
  const { random } = situation.state;
  const { learned } = scores;
  if (agentScore?.explore === undefined || learned === undefined || random === undefined) return scores;
  if (!isItsOwn(situation)) return scores;
  const costs = TIERS.map((tier) => [tier, estimatedCost(tier, situation)] as const);
  const known = costs.flatMap(([tier, cost]) => (cost === undefined ? [] : ([[tier, cost]] as const)));
  const expected = Object.fromEntries(
    known.map(([tier, costNanoUsd]) => [tier, { quality: learned.tiers[tier].quality, costNanoUsd }]),
  );
  const drawn = explore(scores.effectiveScore, thresholds, expected, agentScore.explore, random);
  if (drawn.other === undefined) return scores;
  const { explore: settings } = agentScore;
  return {
    ...scores,
    learned: {
      ...learned,
      exploration: {
        usual: scores.tier,
        other: drawn.other,
        probability: settings.probability,
        tried: drawn.isExplored,
      },
    },
  };
}

export function findExplorationMove({ learned }: RequestScores): Move | undefined {
  const { exploration } = learned ?? {};
  if (exploration?.tried !== true) return undefined;
  const { usual, other, probability } = exploration;
  const detail = `The score is near where ${usual} ends; ${other} is tried in ${probability * 100} % of such calls`;
  return { kind: "exploration", after: other, detail };
}

/** Nothing else has a say in its tier, so that what was drawn is what runs. */
function isItsOwn({ request, state }: Situation): boolean {
  const { tier, minimumTier, target, fallbacks } = request.constraints;
  const isFree = tier === undefined && minimumTier === undefined && target === undefined;
  const hasBudget = request.budgetRemainingTokens !== undefined || request.funds !== undefined;
  return (
    isFree &&
    fallbacks === undefined &&
    !hasBudget &&
    request.previousFailures === 0 &&
    state.warm === undefined
  );
}

/** Of the tier's first target, which must be one that can be called; undefined: there is none, or its price is not known. */
function estimatedCost(tier: Tier, situation: Situation): bigint | undefined {
  const { config, state } = situation;
  const [first] = listCandidates(tier, config, state);
  if (first === undefined || findObjection(first, situation) !== undefined) return undefined;
  const { maxOutputTokens } = planTarget(first, situation);
  const cost = costOf(first.model, state.today, expectedTokens(first.target, situation, maxOutputTokens));
  return cost.priceStatus === "KNOWN" ? cost.costNanoUsd : undefined;
}
