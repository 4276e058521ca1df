/**
 * The decision, from scores to targets. A pure function of the request, the configuration snapshot and what is known of
 * the providers; the rules it strings together are in the files beside it.
 */
import type { CatalogueModel } from "../pricing/types.ts";
import { type Candidate, isSameTarget, resolveCandidate } from "./candidates.ts";
import { chainMoves, type Move } from "./causes.ts";
import { estimateCost, estimateLatency } from "./estimate.ts";
import { explain, ROUTER_ERROR_REASON } from "./explain.ts";
import { listOutputCuts, planTarget } from "./plan.ts";
import {
  findBudgetFailure,
  findBudgetMove,
  findConstraintMove,
  findFailureMove,
  findPinnedCandidate,
  isKnownTarget,
} from "./policy.ts";
import { listScoreMoves, type RequestScores, scoreRequest } from "./score.ts";
import { type SearchResult, searchTargets } from "./search.ts";
import type { Situation } from "./situation.ts";
import type {
  Decision,
  PlannedTarget,
  ProviderState,
  RejectedTarget,
  RoutingConfig,
  RoutingFailure,
  RoutingRequest,
  RoutingResult,
  Tier,
} from "./types.ts";

/** The same version gives the same scores. */
const SCORER_VERSION = "1";

/**
 * Decides the tier and the targets of one request, and explains both.
 * @throws RangeError if a score is NaN or outside [0, 10] or a measurement is negative; callers validate before
 */
export function route(request: RoutingRequest, config: RoutingConfig, state: ProviderState): RoutingResult {
  const scores = scoreRequest(request, config);
  const situation = situationOf(request, config, state, scores.inputTokens);
  const { target: asked } = request.constraints;
  if (asked !== undefined && !isKnownTarget(asked, situation)) {
    return { ok: false, failure: { kind: "unknown_model", target: asked } };
  }
  const exhausted = findBudgetFailure(situation);
  if (exhausted !== undefined) return { ok: false, failure: exhausted };

  const moves = listTierMoves(scores, situation);
  const decided = moves.at(-1)?.after ?? scores.tier;
  const pinned = findPinnedCandidate(decided, situation);
  const search = searchTargets(decided, pinned, situation);
  const [first, ...rest] = search.usable;
  if (first === undefined) return { ok: false, failure: noUsableTarget(search.rejected, state) };

  const targets: Decision["targets"] = [
    planTarget(first, situation),
    ...rest.map((candidate) => planTarget(candidate, situation)),
  ];
  moves.push(
    ...listTargetMoves(decided, pinned, search, situation),
    ...listOutputCuts(first, targets[0], situation),
  );
  return { ok: true, decision: decide(scores, situation, targets, first.model, moves, search.rejected) };
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
  const targets: Decision["targets"] = [
    planTarget(first, situation),
    ...rest.map((candidate) => planTarget(candidate, situation)),
  ];
  const detail = "Routing failed; this is the default target";
  const moves: Move[] = [{ kind: "router_error", after: "balanced", detail }];
  return { ...decide(scores, situation, targets, first.model, moves, []), reason: ROUTER_ERROR_REASON };
}

function situationOf(
  request: RoutingRequest,
  config: RoutingConfig,
  state: ProviderState,
  inputTokens: number,
): Situation {
  const situation = { request, config, state, inputTokens };
  const budget = request.budgetRemainingTokens;
  return budget === undefined ? situation : { ...situation, outputBudgetTokens: budget - inputTokens };
}

/** The score, what is said about it, and the rules that move the tier before a target is looked for. */
function listTierMoves(scores: RequestScores, situation: Situation): Move[] {
  const { request, config } = situation;
  const moves = listScoreMoves(scores, config);
  const tier = (): Tier => moves.at(-1)?.after ?? scores.tier;
  const add = (move: Move | undefined): void => {
    if (move !== undefined) moves.push(move);
  };
  add(findFailureMove(tier(), request.previousFailures, config.failureLimit));
  add(findBudgetMove(tier(), situation));
  add(findConstraintMove(tier(), request.constraints));
  return moves;
}

/** What the search for targets did: a model asked for, another tier, successors of retired models. */
function listTargetMoves(
  decided: Tier,
  pinned: Candidate | undefined,
  search: SearchResult,
  situation: Situation,
): Move[] {
  const moves: Move[] = [];
  const chosenTier = search.usable[0]?.tier ?? decided;
  if (pinned !== undefined) moves.push(pinMove(decided, pinned, search, situation));
  if (search.move !== undefined) moves.push(search.move);
  for (const { target, replaces } of search.usable) {
    if (replaces === undefined) continue;
    const detail = `${replaces.model} is retired since ${replaces.retiredOn}; ${target.model} takes its place`;
    moves.push({ kind: "model_retired", after: chosenTier, detail });
  }
  return moves;
}

function pinMove(decided: Tier, pinned: Candidate, search: SearchResult, { request }: Situation): Move {
  const asked = request.constraints.target ?? pinned.target;
  const detail = `The caller asked for ${asked.provider}/${asked.model}`;
  if (search.usable[0] === pinned) return { kind: "constraint", after: pinned.tier, detail };
  const objection = search.rejected.find(({ target }) => isSameTarget(target, pinned.target));
  const why = objection === undefined ? "" : `, which is passed over: ${objection.detail}`;
  return { kind: "constraint", after: decided, detail: `${detail}${why}` };
}

function noUsableTarget(rejected: readonly RejectedTarget[], state: ProviderState): RoutingFailure {
  const variables = rejected
    .filter(({ reason }) => reason === "no_key")
    .flatMap(({ target }) => state.providers.get(target.provider)?.keyVariables.slice(0, 1) ?? []);
  return { kind: "no_usable_target", missingVariables: [...new Set(variables)], rejected };
}

function decide(
  scores: RequestScores,
  situation: Situation,
  targets: readonly [PlannedTarget, ...PlannedTarget[]],
  model: CatalogueModel | undefined,
  moves: readonly Move[],
  rejected: readonly RejectedTarget[],
): Decision {
  const { config, state } = situation;
  const { step } = scores;
  const decision: Omit<Decision, "reason"> = {
    tier: targets[0].tier,
    targets,
    effectiveScore: scores.effectiveScore,
    agentScore: scores.agentScore,
    agentScoreSource: scores.agentScoreSource,
    ...(step === undefined ? {} : { stepScore: step.score, weightSet: step.weightSet }),
    stepType: scores.stepType,
    factors: step?.factors ?? [],
    causes: chainMoves(moves),
    rejected,
    ...estimates(targets[0], model, situation),
    configVersion: config.version,
    preset: config.preset,
    scorer: { name: config.scorer, version: SCORER_VERSION },
    sandbox: state.sandbox,
  };
  return { ...decision, reason: explain(decision, config) };
}

function estimates(
  chosen: PlannedTarget,
  model: CatalogueModel | undefined,
  { config, state, inputTokens }: Situation,
): Pick<
  Decision,
  | "estimatedInputTokens"
  | "estimatedOutputTokens"
  | "tokenEstimate"
  | "estimatedCostNanoUsd"
  | "estimatedLatencyMs"
  | "latencySource"
> {
  const cost = estimateCost(model, state.today, inputTokens, chosen.maxOutputTokens);
  const latency = estimateLatency(chosen, config, state);
  return {
    estimatedInputTokens: inputTokens,
    estimatedOutputTokens: chosen.maxOutputTokens,
    tokenEstimate: "characters_per_token",
    ...(cost.priceStatus === "KNOWN" ? { estimatedCostNanoUsd: cost.costNanoUsd } : {}),
    estimatedLatencyMs: latency.latencyMs,
    latencySource: latency.source,
  };
}
