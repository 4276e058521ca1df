/**
 * Whether a session stays where its prompt is cached. Leaving forfeits the cached tokens (warm tokens x (full - cached
 * price)) and saves what the call costs less elsewhere; a target is left when the second is at least the first.
 *
 * It is a rule of money and never serves a step below its score: a warm target counts only where its last call of the
 * session was for this tier or a stronger one, and another tier is kept only when it is the next one up.
 */
import { costOf } from "../pricing/cost.ts";
import { type Candidate, findObjection, isSameTarget, listCandidates, outputTokensOf } from "./candidates.ts";
import type { Move } from "./causes.ts";
import { expectedTokens, warmTokensAt } from "./estimate.ts";
import type { Situation } from "./situation.ts";
import { raiseTier } from "./tier.ts";
import { type CacheAffinity, type CauseKind, TIERS, type Tier, targetKey } from "./types.ts";

/** A tier that the budget had to lower is not raised again, and where the search has moved on there is no tier to keep. */
const HOLDS_THE_TIER: ReadonlySet<CauseKind> = new Set<CauseKind>(["budget", "capability", "availability"]);

/** Where the call goes once what is cached of its session has been weighed. */
export type Stay = Readonly<{
  /** In the order to try them. */
  usable: readonly Candidate[];
  /** Present when a warm target took the first place. */
  move?: Move;
  /** Absent when nothing is cached where the call could go, or a price is not known. */
  cache?: CacheAffinity;
}>;

/** A candidate with what the call is expected to cost there. */
type Priced = Readonly<{
  candidate: Candidate;
  /** With what is cached there at the cached price. */
  costNanoUsd: bigint;
  /** What these would cost more at the full price. */
  cacheNanoUsd: bigint;
}>;

/**
 * Weighs the session's warm targets against the choice.
 * @param usable in the order to try them; the first is the choice
 * @param moves what has moved the tier so far
 */
export function stayWhereCached(
  usable: readonly Candidate[],
  moves: readonly Move[],
  situation: Situation,
): Stay {
  if (!mayStay(moves, situation)) return { usable };
  const [choice, ...others] = usable;
  const chosen = choice && priceOf(choice, situation);
  if (chosen === undefined) return { usable };
  const warm = [...others, ...listTierAbove(chosen.candidate.tier, usable, moves, situation)]
    .filter((candidate) => isWarm(candidate, situation))
    .flatMap((candidate) => priceOf(candidate, situation) ?? []);
  const cheapest = findCheapest(warm);
  if (cheapest !== undefined && cheapest.costNanoUsd < chosen.costNanoUsd) {
    const cache = weigh(cheapest, chosen, true, situation);
    const rest = usable.filter((candidate) => candidate !== cheapest.candidate);
    return { usable: [cheapest.candidate, ...rest], move: stayMove(cheapest.candidate.tier, cache), cache };
  }
  if (chosen.cacheNanoUsd > 0n) return { usable, cache: weigh(chosen, chosen, true, situation) };
  if (cheapest === undefined) return { usable };
  return { usable, cache: weigh(cheapest, chosen, false, situation) };
}

function stayMove(after: Tier, cache: CacheAffinity): Move {
  const { target, warmTokens, switchCostNanoUsd, savingNanoUsd } = cache;
  const detail = `${targetKey(target)} has ${warmTokens} tokens of this session cached: leaving costs ${switchCostNanoUsd} nano-USD for them and saves ${savingNanoUsd} on the call`;
  return { kind: "cache_affinity", after, detail };
}

/** A step that keeps failing is not held where it failed, and models that the caller named are the caller's choice. */
function mayStay(moves: readonly Move[], { request, state }: Situation): boolean {
  if (request.sessionId === "" || state.warm === undefined) return false;
  const { target, fallbacks } = request.constraints;
  const isCallersChoice = target !== undefined || fallbacks !== undefined;
  return !isCallersChoice && !moves.some(({ kind }) => kind === "previous_failures");
}

/** The usable targets of the next tier up, unless something more than the score keeps the call in its tier. */
function listTierAbove(
  tier: Tier,
  usable: readonly Candidate[],
  moves: readonly Move[],
  situation: Situation,
): readonly Candidate[] {
  const { request, config, state } = situation;
  const isHeld = request.constraints.tier !== undefined || moves.some(({ kind }) => HOLDS_THE_TIER.has(kind));
  if (isHeld) return [];
  return listCandidates(raiseTier(tier), config, state).filter(
    (candidate) =>
      !usable.some(({ target }) => isSameTarget(target, candidate.target)) &&
      findObjection(candidate, situation) === undefined,
  );
}

/** Its last call of the session was for the candidate's tier or a stronger one. */
function isWarm({ target, tier }: Candidate, { state }: Situation): boolean {
  const warm = state.warm?.get(targetKey(target));
  return warm !== undefined && TIERS.indexOf(warm.tier) >= TIERS.indexOf(tier);
}

/** Undefined when the price is not known. */
function priceOf(candidate: Candidate, situation: Situation): Priced | undefined {
  const { model, target } = candidate;
  const { today } = situation.state;
  const tokens = expectedTokens(target, situation, outputTokensOf(candidate, situation));
  const { costNanoUsd, priceStatus } = costOf(model, today, tokens);
  if (priceStatus === "UNKNOWN") return undefined;
  const { cachedInputTokens, freshInputTokens } = tokens;
  const unread = { ...tokens, cachedInputTokens: 0, freshInputTokens: freshInputTokens + cachedInputTokens };
  return { candidate, costNanoUsd, cacheNanoUsd: costOf(model, today, unread).costNanoUsd - costNanoUsd };
}

const findCheapest = (priced: readonly Priced[]): Priced | undefined =>
  priced.reduce<Priced | undefined>(
    (cheapest, one) => (cheapest === undefined || one.costNanoUsd < cheapest.costNanoUsd ? one : cheapest),
    undefined,
  );

function weigh(warm: Priced, chosen: Priced, kept: boolean, situation: Situation): CacheAffinity {
  const { provider, model } = warm.candidate.target;
  return {
    target: { provider, model },
    warmTokens: warmTokensAt(warm.candidate.target, situation),
    switchCostNanoUsd: warm.cacheNanoUsd,
    savingNanoUsd: warm === chosen ? 0n : warm.costNanoUsd + warm.cacheNanoUsd - chosen.costNanoUsd,
    kept,
  };
}
