/**
 * The decision, from scores to targets. A pure function of the request, the configuration snapshot and what is known of
 * the providers; the rules it strings together are in the files beside it.
 */
import { costOf } from "../pricing/cost.ts";
import type { CatalogueModel } from "../pricing/types.ts";
import { shippedWeights } from "../scoring/weights.ts";
import { type Candidate, isSameTarget, resolveCandidate } from "./candidates.ts";
import { chainMoves, type Move } from "./causes.ts";
import { estimateLatency, expectedTokens } from "./estimate.ts";
import { explain, ROUTER_ERROR_REASON } from "./explain.ts";
import { findExplorationMove, withExploration } from "./exploration.ts";
import { listShortBudgets } from "./funds.ts";
import { listOutputCuts, planTarget } from "./plan.ts";
import {
  findBudgetFailure,
  findBudgetMove,
  findConstraintMove,
  findFailureMove,
  findFundsMove,
  findNamedFallbacks,
  findPinnedCandidate,
  findUnknownTarget,
} from "./policy.ts";
import { listScoreMoves, type RequestScores, scoreRequest } from "./score.ts";
import { type SearchResult, searchTargets } from "./search.ts";
import type { Situation } from "./situation.ts";
import { stayWhereCached } from "./stickiness.ts";
import {
  type Decision,
  type ModelTarget,
  type PlannedTarget,
  type ProviderState,
  type RejectedTarget,
  type RoutingConfig,
  type RoutingFailure,
  type RoutingRequest,
  type RoutingResult,
  type Tier,
  targetKey,
} from "./types.ts";

/** The same version gives the same scores. */
const CLASSIC_VERSION = "1";

/** The scoring rule of a configuration, and which form of it: of the calibrated one its weights. */
export const scorerOf = ({ scorer }: Pick<RoutingConfig, "scorer">): Decision["scorer"] => ({
  name: scorer,
  version: scorer === "classic" ? CLASSIC_VERSION : shippedWeights().version,
});

/**
 * Decides the tier and the targets of one request, and explains both.
 * @throws RangeError if a score is NaN or outside [0, 10] or a measurement is negative; callers validate before
 */
export function route(request: RoutingRequest, config: RoutingConfig, state: ProviderState): RoutingResult {
  return routeScored(scoreRequest(request, config, state), request, config, state);
}

/** The same of a request that is scored already. */
export function routeScored(
  given: RequestScores,
  request: RoutingRequest,
  config: RoutingConfig,
  state: ProviderState,
): RoutingResult {
  const situation = situationOf(request, config, state, given.inputTokens);
  const scores = withExploration(given, situation);
  const unknown = findUnknownTarget(situation);
  if (unknown !== undefined) return { ok: false, failure: { kind: "unknown_model", target: unknown } };
  const exhausted = findBudgetFailure(situation);
  if (exhausted !== undefined) return { ok: false, failure: exhausted };

  const moves = listTierMoves(scores, situation);
  const decided = moves.at(-1)?.after ?? scores.tier;
  const pinned = findPinnedCandidate(decided, situation);
  const search = searchTargets(decided, pinned, findNamedFallbacks(decided, situation), situation);
  moves.push(...listSearchMoves(decided, pinned, search, situation));
  const { usable, move, cache } = stayWhereCached(search.usable, moves, situation);
  const [first, ...rest] = usable;
  if (first === undefined) return { ok: false, failure: noUsableTarget(search.rejected, situation) };

  const targets = planTargets(first, rest, situation);
  if (move !== undefined) moves.push(move);
  moves.push(...listReplacements(usable, first.tier), ...listOutputCuts(first, targets[0], situation));
  const decision = assembleDecision(scores, situation, targets, first.model, moves, search.rejected);
  return { ok: true, decision: cache === undefined ? decision : { ...decision, cache } };
}

/**
 * The decision when routing itself failed, which is a fault of ours: balanced, as configured, nothing scored. It reads
 * as little of the request as it can, because something in there has just broken the router.
 */
export function defaultDecision(
  config: RoutingConfig,
  state: ProviderState,
  request: RoutingRequest,
): Decision {
  const scores: RequestScores = {
    agentScore: config.coldStartScore,
    agentScoreSource: "cold_start",
    stepType: request.intent,
    effectiveScore: config.coldStartScore,
    tier: "balanced",
    inputTokens: 0,
  };
  const situation: Situation = { request, config, state, inputTokens: 0 };
  const [first, ...rest] = config.tiers.balanced.targets.map((target) =>
    resolveCandidate(target, "balanced", config, state),
  );
  if (first === undefined) throw new RangeError("The tier balanced has no target");
  const targets = planTargets(first, rest, situation);
  const detail = "Routing failed; this is the default target";
  const moves: Move[] = [{ kind: "router_error", after: "balanced", detail }];
  return {
    ...assembleDecision(scores, situation, targets, first.model, moves, []),
    reason: ROUTER_ERROR_REASON,
  };
}

const planTargets = (
  first: Candidate,
  rest: readonly Candidate[],
  situation: Situation,
): Decision["targets"] => [
  planTarget(first, situation),
  ...rest.map((candidate) => planTarget(candidate, situation)),
];

export function situationOf(
  request: RoutingRequest,
  config: RoutingConfig,
  state: ProviderState,
  inputTokens: number,
): Situation {
  const budget = request.budgetRemainingTokens;
  const outputBudgetTokens = budget === undefined ? undefined : budget - inputTokens;
  return { request, config, state, inputTokens, outputBudgetTokens };
}

/** The score, what is said about it, and the rules that move the tier before a target is looked for. */
function listTierMoves(scores: RequestScores, situation: Situation): Move[] {
  const { request, config } = situation;
  const moves = listScoreMoves(scores, config);
  let { tier } = scores;
  const add = (move: Move | undefined): void => {
    if (move === undefined) return;
    moves.push(move);
    tier = move.after;
  };
  add(findExplorationMove(scores));
  add(findFailureMove(tier, request.previousFailures, config.failureLimit));
  add(findBudgetMove(tier, situation));
  add(findFundsMove(tier, situation));
  add(findConstraintMove(tier, request.constraints));
  return moves;
}

/** What the search for targets did: a model asked for, another tier, targets that the caller named. */
function listSearchMoves(
  decided: Tier,
  pinned: Candidate | undefined,
  search: SearchResult,
  situation: Situation,
): Move[] {
  const moves: Move[] = [];
  const chosenTier = search.usable[0]?.tier ?? decided;
  if (pinned !== undefined) moves.push(pinMove(decided, pinned, search, situation));
  if (search.move !== undefined) moves.push(search.move);
  const { fallbacks } = situation.request.constraints;
  if (fallbacks !== undefined) moves.push(fallbacksMove(fallbacks, chosenTier));
  return moves;
}

/** Successors that stand in for retired models. */
function listReplacements(usable: readonly Candidate[], after: Tier): Move[] {
  return usable.flatMap(({ target, replaces }) => {
    if (replaces === undefined) return [];
    const detail = `${replaces.model} is retired since ${replaces.retiredOn}; ${target.model} takes its place`;
    return { kind: "model_retired", after, detail };
  });
}

function pinMove(decided: Tier, pinned: Candidate, search: SearchResult, { request }: Situation): Move {
  const asked = request.constraints.target ?? pinned.target;
  const detail = `The caller asked for ${asked.provider}/${asked.model}`;
  if (search.usable[0] === pinned) return { kind: "constraint", after: pinned.tier, detail };
  const objection = search.rejected.find(({ target }) => isSameTarget(target, pinned.target));
  const why = objection === undefined ? "" : `, which is passed over: ${objection.detail}`;
  return { kind: "constraint", after: decided, detail: `${detail}${why}` };
}

function fallbacksMove(fallbacks: readonly ModelTarget[], after: Tier): Move {
  const detail = `The caller named what to try next: ${fallbacks.map(targetKey).join(", ")}`;
  return { kind: "constraint", after, detail };
}

function noUsableTarget(rejected: readonly RejectedTarget[], situation: Situation): RoutingFailure {
  const { state } = situation;
  const budgetIds = listShortBudgets(rejected, situation);
  if (budgetIds.length > 0) return { kind: "over_budget", budgetIds };
  const variables = rejected
    .filter(({ reason }) => reason === "no_key")
    .flatMap(({ target }) => state.providers.get(target.provider)?.keyVariables.slice(0, 1) ?? []);
  return { kind: "no_usable_target", missingVariables: [...new Set(variables)], rejected };
}

/** The decision that scores, targets and what led to them come to. @param model of the first target */
export function assembleDecision(
  scores: RequestScores,
  situation: Situation,
  targets: readonly [PlannedTarget, ...PlannedTarget[]],
  model: CatalogueModel | undefined,
  moves: readonly Move[],
  rejected: readonly RejectedTarget[],
): Decision {
  const { config, state } = situation;
  const { step } = scores;
  const [chosen] = targets;
  const causes = chainMoves(moves);
  const cost = costOf(model, state.today, expectedTokens(chosen, situation, chosen.maxOutputTokens));
  const latency = estimateLatency(chosen, config, state);
  return {
    tier: chosen.tier,
    targets,
    effectiveScore: scores.effectiveScore,
    agentScore: scores.agentScore,
    agentScoreSource: scores.agentScoreSource,
    stepScore: step?.score,
    weightSet: step?.weightSet,
    stepType: scores.stepType,
    factors: step?.factors ?? [],
    ...(scores.learned !== undefined && { learned: scores.learned }),
    ...(scores.calibrated !== undefined && { calibrated: scores.calibrated }),
    ...(scores.shadow !== undefined && { shadow: scores.shadow }),
    causes,
    rejected,
    estimatedInputTokens: situation.inputTokens,
    estimatedOutputTokens: chosen.maxOutputTokens,
    tokenEstimate: "characters_per_token",
    estimatedCostNanoUsd: cost.priceStatus === "KNOWN" ? cost.costNanoUsd : undefined,
    estimatedLatencyMs: latency.latencyMs,
    latencySource: latency.source,
    configVersion: config.version,
    preset: config.preset,
    scorer: scorerOf(config),
    sandbox: state.sandbox,
    reason: explain({ scores, targets, causes }, config),
  };
}
