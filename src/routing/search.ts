/** Finds the targets that can serve a request now: the tier's own, else another tier's, else those behind open breakers. */
import {
  type Candidate,
  findObjection,
  isIncapability,
  isSameTarget,
  listCandidates,
  type Objection,
  withoutRepeats,
} from "./candidates.ts";
import type { Move } from "./causes.ts";
import type { Situation } from "./situation.ts";
import { SEARCH_ORDER } from "./tier.ts";
import { type RejectedTarget, type RoutingRequest, TIERS, type Tier } from "./types.ts";

type Rejection = Readonly<{ candidate: Candidate; objection: Objection }>;

export type SearchResult = Readonly<{
  /** In the order to try them. Empty: nothing can serve the request. */
  usable: readonly Candidate[];
  rejected: readonly RejectedTarget[];
  /** Why the tier was left, or why open breakers are ignored. */
  move?: Move;
}>;

/**
 * The targets to try, in order: what can serve the request now, or, when nothing can, what is behind open breakers.
 * @param pinned the model the caller asked for; tried first
 * @param fallbacks what the caller named to be tried after the first choice; absent: the decided tier's own
 */
export function searchTargets(
  decided: Tier,
  pinned: Candidate | undefined,
  fallbacks: readonly Candidate[] | undefined,
  situation: Situation,
): SearchResult {
  const rejections: Rejection[] = [];
  const found =
    fallbacks === undefined
      ? searchTiers(decided, pinned, situation, rejections)
      : searchNamed(decided, pinned, fallbacks, situation, rejections);
  return found ?? searchBehindBreakers(rejections);
}

/** Looks through the decided tier, with `pinned` in front, then through those the caller's constraints allow. */
function searchTiers(
  decided: Tier,
  pinned: Candidate | undefined,
  situation: Situation,
  rejections: Rejection[],
): SearchResult | undefined {
  let ofDecided = 0;
  for (const tier of allowedTiers(decided, situation.request.constraints)) {
    const first = tier === decided ? pinned : undefined;
    const candidates = listCandidates(tier, situation.config, situation.state, first);
    const usable = candidates.filter((candidate) => isUsable(candidate, situation, rejections));
    if (usable.length > 0) {
      const move = tier === decided ? undefined : moveTo(tier, decided, rejections.slice(0, ofDecided));
      return { usable, rejected: rejections.map(rejectedTarget), move };
    }
    if (tier === decided) ofDecided = rejections.length;
  }
  return undefined;
}

/** The first choice, which is `pinned` or else what the tiers give, and then the fallbacks; nothing beside them. */
function searchNamed(
  decided: Tier,
  pinned: Candidate | undefined,
  fallbacks: readonly Candidate[],
  situation: Situation,
  rejections: Rejection[],
): SearchResult | undefined {
  const found = pinned === undefined ? searchTiers(decided, undefined, situation, rejections) : undefined;
  const choice = pinned ?? found?.usable[0];
  const untried = withoutRepeats(choice === undefined ? fallbacks : [choice, ...fallbacks]).filter(
    ({ target }) => !rejections.some(({ candidate }) => isSameTarget(candidate.target, target)),
  );
  const usable = untried.filter((candidate) => isUsable(candidate, situation, rejections));
  if (usable.length === 0) return undefined;
  return { usable, rejected: rejections.map(rejectedTarget), move: found?.move };
}

/** A tier asked for is the only one; a minimum closes the tiers below it. */
function allowedTiers(decided: Tier, constraints: RoutingRequest["constraints"]): readonly Tier[] {
  if (constraints.tier !== undefined) return [decided];
  if (constraints.minimumTier === undefined) return SEARCH_ORDER[decided];
  const lowest = TIERS.indexOf(constraints.minimumTier);
  return SEARCH_ORDER[decided].filter((tier) => TIERS.indexOf(tier) >= lowest);
}

function isUsable(candidate: Candidate, situation: Situation, rejections: Rejection[]): boolean {
  const objection = findObjection(candidate, situation);
  if (objection !== undefined) rejections.push({ candidate, objection });
  return objection === undefined;
}

/** Panic: a breaker guards against a target that may be down, but failing every call helps nobody. */
function searchBehindBreakers(rejections: readonly Rejection[]): SearchResult {
  const isOpen = ({ objection }: Rejection): boolean => objection.reason === "breaker_open";
  const usable = withoutRepeats(rejections.filter(isOpen).map(({ candidate }) => candidate));
  const rejected = rejections.filter((rejection) => !isOpen(rejection)).map(rejectedTarget);
  const [first] = usable;
  if (first === undefined) return { usable, rejected };
  const detail = "Every target that could serve this has an open breaker; they are tried all the same";
  return { usable, rejected, move: { kind: "availability", after: first.tier, detail } };
}

function moveTo(after: Tier, decided: Tier, ofDecided: readonly Rejection[]): Move {
  const incapable = ofDecided.every(({ objection }) => isIncapability(objection.reason));
  const detail = incapable
    ? `No target of ${decided} can take the request`
    : `No target of ${decided} that can take the request can be called now`;
  return { kind: incapable ? "capability" : "availability", after, detail };
}

const rejectedTarget = ({ candidate, objection }: Rejection): RejectedTarget => ({
  target: candidate.target,
  tier: candidate.tier,
  ...objection,
});
