/** What moves the tier after the score and before a target is looked for: failures, budget, the caller's constraints. */
import {
  type Candidate,
  isSameTarget,
  outputTokensOf,
  resolveCandidate,
  wantedOutputTokens,
} from "./candidates.ts";
import type { Move } from "./causes.ts";
import { findTightest, smallestAnswer } from "./funds.ts";
import type { Situation } from "./situation.ts";
import { lowerTier, raiseTier, strongerTier } from "./tier.ts";
import {
  type ModelTarget,
  type RoutingConfig,
  type RoutingFailure,
  type RoutingRequest,
  TIERS,
  type Tier,
} from "./types.ts";

/** Enough failures raise the tier by one, twice as many to the strongest. Undefined: too few, or the rule is off. */
export function findFailureMove(tier: Tier, failures: number, limit: number): Move | undefined {
  if (limit === 0 || failures < limit) return undefined;
  const after = failures >= 2 * limit ? "powerful" : raiseTier(tier);
  const detail = `The step failed ${times(failures)}; from ${limit} the tier rises by one, from ${2 * limit} to powerful`;
  return { kind: "previous_failures", after, detail };
}

/**
 * Lowers the tier until the call fits the token budget, or to fast. What still does not fit there is cut from the
 * output, target by target. Undefined: there is no budget, or the call fits.
 */
export function findBudgetMove(tier: Tier, situation: Situation): Move | undefined {
  const budget = situation.request.budgetRemainingTokens;
  if (budget === undefined) return undefined;
  const neededTokens = tokensAt(tier, situation);
  let after = tier;
  while (after !== "fast" && tokensAt(after, situation) > budget) after = lowerTier(after);
  if (after === tier) return undefined;
  const detail = `${tier} needs ${neededTokens} tokens, the budget has ${budget} left`;
  return { kind: "budget", after, detail };
}

/** Lowers the tier until the operator's budgets pay for the whole answer there, or to fast. Undefined: they do. */
export function findFundsMove(tier: Tier, situation: Situation): Move | undefined {
  let after = tier;
  let shortBudget: string | undefined;
  for (; after !== "fast"; after = lowerTier(after)) {
    const budgetId = findShortBudgetAt(after, situation);
    if (budgetId === undefined) break;
    shortBudget ??= budgetId;
  }
  if (shortBudget === undefined) return undefined;
  const detail = `${tier} may cost more than the budget ${shortBudget} has left`;
  return { kind: "budget", after, detail };
}

/** The budget that does not pay for all that is wanted of a tier's first target. */
function findShortBudgetAt(tier: Tier, situation: Situation): string | undefined {
  const [target] = situation.config.tiers[tier].targets;
  if (target === undefined || situation.request.funds === undefined) return undefined;
  const first = resolveCandidate(target, tier, situation.config, situation.state);
  const tightest = findTightest(first.model, situation);
  return tightest !== undefined && tightest.outputTokens < wantedOutputTokens(first, situation)
    ? tightest.budgetId
    : undefined;
}

/** A budget that does not even pay for the smallest answer worth making; a caller may ask for a smaller one. */
export function findBudgetFailure(situation: Situation): RoutingFailure | undefined {
  const { request, inputTokens, outputBudgetTokens } = situation;
  if (request.budgetRemainingTokens === undefined || outputBudgetTokens === undefined) return undefined;
  const smallest = smallestAnswer(situation);
  if (outputBudgetTokens >= smallest) return undefined;
  return {
    kind: "budget_exhausted",
    neededTokens: inputTokens + smallest,
    remainingTokens: request.budgetRemainingTokens,
  };
}

/** The tier the caller asked for, and never one below its minimum. Undefined: no wish that matters. */
export function findConstraintMove(tier: Tier, constraints: RoutingRequest["constraints"]): Move | undefined {
  const asked = constraints.tier ?? tier;
  const after = strongerTier(asked, constraints.minimumTier ?? asked);
  if (constraints.tier === undefined && after === tier) return undefined;
  const wish = after === constraints.tier ? `the tier ${after}` : `at least the tier ${after}`;
  return { kind: "constraint", after, detail: `The caller asked for ${wish}` };
}

/** The model the caller asked for; undefined when it asked for none. */
export function findPinnedCandidate(decided: Tier, situation: Situation): Candidate | undefined {
  const { target } = situation.request.constraints;
  return target === undefined ? undefined : resolveNamed(target, decided, situation);
}

/** The fallbacks the caller named, in its order; undefined when it named none. */
export function findNamedFallbacks(decided: Tier, situation: Situation): readonly Candidate[] | undefined {
  return situation.request.constraints.fallbacks?.map((target) => resolveNamed(target, decided, situation));
}

/** A model the caller named runs under the settings of the first tier that lists it, else of the decided tier. */
function resolveNamed(target: ModelTarget, decided: Tier, { request, config, state }: Situation): Candidate {
  const { minimumTier } = request.constraints;
  const listed = findListingTier(target, config) ?? decided;
  return resolveCandidate(target, strongerTier(listed, minimumTier ?? listed), config, state);
}

const NONE: readonly ModelTarget[] = [];

/** The first model the caller named that cannot be asked for. */
export function findUnknownTarget(situation: Situation): ModelTarget | undefined {
  const { target, fallbacks = NONE } = situation.request.constraints;
  if (target === undefined && fallbacks.length === 0) return undefined;
  const named = target === undefined ? fallbacks : [target, ...fallbacks];
  return named.find((one) => !isKnownTarget(one, situation));
}

/**
 * Whether a model the caller named can be asked for: its provider is there, and the catalogue or a tier lists it. A
 * provider without a single catalogue entry is a custom one whose models nobody here knows; it takes any name.
 */
export function isKnownTarget(
  target: ModelTarget,
  { config, state }: Pick<Situation, "config" | "state">,
): boolean {
  if (!state.providers.has(target.provider)) return false;
  return (
    config.catalogue.findModel(target.provider, target.model) !== undefined ||
    findListingTier(target, config) !== undefined ||
    !config.catalogue.models.some((model) => model.provider === target.provider)
  );
}

/** Input and output tokens of a call at a tier, by the tier's first target and without regard to the budget. */
function tokensAt(tier: Tier, situation: Situation): number {
  const { request, config, state, inputTokens } = situation;
  const [target] = config.tiers[tier].targets;
  if (target === undefined) return inputTokens;
  const first = resolveCandidate(target, tier, config, state);
  return inputTokens + outputTokensOf(first, { request, config, state, inputTokens });
}

const findListingTier = (target: ModelTarget, config: RoutingConfig): Tier | undefined =>
  TIERS.find((tier) => config.tiers[tier].targets.some((listed) => isSameTarget(listed, target)));

const times = (count: number): string => (count === 1 ? "once" : `${count} times`);
