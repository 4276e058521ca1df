/**
 * A decision made before its messages were known, held against them: what a target cannot take, or what cannot be called
 * now, is passed over by the router's own rules. The tier and the targets are not chosen again. Pure.
 */
import { isRetired } from "../pricing/catalogue.ts";
import { type Candidate, findObjection, retiredModelPolicy } from "../routing/candidates.ts";
import { tokensOf } from "../routing/estimate.ts";
import { listShortBudgets } from "../routing/funds.ts";
import { chatCharacters } from "../routing/measure.ts";
import { listOutputCuts, planTarget } from "../routing/plan.ts";
import { findBudgetFailure } from "../routing/policy.ts";
import { assembleDecision, situationOf } from "../routing/router.ts";
import { listScoreMoves, scoreRequest } from "../routing/score.ts";
import type { Situation } from "../routing/situation.ts";
import type {
  Decision,
  ProviderState,
  RejectedTarget,
  RoutingConfig,
  RoutingFailure,
  RoutingRequest,
} from "../routing/types.ts";
import type { FixedDecision, FixedRequest, FixedTarget } from "./content.ts";

export type ResumeResult = Readonly<
  | { kind: "decided"; decision: Decision }
  /** Nothing of the decision can serve the call. */
  | { kind: "unavailable"; rejected: readonly RejectedTarget[] }
  | Extract<RoutingFailure, { kind: "budget_exhausted" | "over_budget" }>
>;

/** Of a call that brings a token, what the router reads. */
export type TokenCall = Pick<RoutingRequest, "chat" | "needs" | "sampling" | "funds">;

/**
 * The decision as it is run: the same targets in the same order with what was decided for each, without those that cannot
 * serve this call. An output cap is lower than decided only where the token budget leaves less for it.
 * @param config in which nothing that matters to the decision has changed
 */
export function resumeDecision(
  fixed: FixedDecision,
  request: FixedRequest,
  call: TokenCall,
  { config, state }: Readonly<{ config: RoutingConfig; state: ProviderState }>,
): ResumeResult {
  const inputTokens = call.chat === undefined ? 0 : tokensOf(chatCharacters(call.chat));
  const situation = situationOf({ ...request, ...call }, config, state, inputTokens);
  const exhausted = findBudgetFailure(situation);
  if (exhausted?.kind === "budget_exhausted") return exhausted;

  const trials = fixed.targets.map((target) => tryTarget(target, situation));
  const rejected = trials.flatMap(({ rejection }) => (rejection === undefined ? [] : [rejection]));
  const [first, ...rest] = trials.filter(({ rejection }) => rejection === undefined);
  if (first === undefined) {
    const budgetIds = listShortBudgets(rejected, situation);
    return budgetIds.length > 0 ? { kind: "over_budget", budgetIds } : { kind: "unavailable", rejected };
  }
  const targets: Decision["targets"] = [planned(first), ...rest.map(planned)];

  const scores = scoreRequest({ ...request, ...UNKNOWN_CALL }, config, fixed);
  const cuts = listOutputCuts(first.candidate, targets[0], first.situation);
  const moves = [...listScoreMoves(scores, config), ...fixed.moves, ...cuts];
  const passedOver = [...fixed.rejected, ...rejected];
  const decision = assembleDecision(scores, situation, targets, first.candidate.model, moves, passedOver);
  const { configVersion, cache, experiment } = fixed;
  return {
    kind: "decided",
    decision: { ...decision, configVersion, ...(cache && { cache }), ...(experiment && { experiment }) },
  };
}

/** What is scored is what Route scored: not the messages. */
const UNKNOWN_CALL: TokenCall = {
  needs: { tools: false, forcedTools: false, images: false, jsonObject: false, jsonSchema: false },
  sampling: {},
};

/** Of one target; its situation has what was decided for it in place of the tier's default. */
type Trial = Readonly<{ candidate: Candidate; situation: Situation; rejection?: RejectedTarget }>;

function tryTarget(fixed: FixedTarget, situation: Situation): Trial {
  const { request } = situation;
  const { maxOutputTokens } = fixed;
  const candidate = candidateOf(fixed, situation);
  const own = { ...situation, request: { ...request, sampling: { ...request.sampling, maxOutputTokens } } };
  const objection = findObjection(candidate, own);
  if (objection === undefined) return { candidate, situation: own };
  return { candidate, situation: own, rejection: { target: fixed.target, tier: fixed.tier, ...objection } };
}

/** The target itself, never its successor: what was shown is what runs. */
function candidateOf({ target, tier }: FixedTarget, { config, state }: Situation): Candidate {
  const model = config.catalogue.findModel(target.provider, target.model);
  if (model === undefined) return { target, tier, retired: false };
  const retired = retiredModelPolicy(config, state) !== "try" && isRetired(model, state.today);
  return { target, tier, model, retired };
}

const planned = ({ candidate, situation }: Trial) => planTarget(candidate, situation);
