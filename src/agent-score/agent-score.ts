/** The agent score that is learned: how much a stronger tier helps this agent, and this step of it. */
import { assertScore } from "../routing/complexity.ts";
import { TIERS, type Tier } from "../routing/types.ts";
import { addOutcome, at, centred, evidenceOf, fadeTo, type Line, newLevel, type Seen } from "./evidence.ts";
import { heldLines } from "./held-lines.ts";
import { BENEFIT_PER_POINT, beyondLine, expectedLine, lossPerPoint } from "./prior.ts";
import { lessSigns, type SignedLine, signedLine, signsOf, sumOfSigns } from "./signs.ts";
import {
  type AgentState,
  type Evidence,
  type Forecast,
  type LearningSettings,
  type Level,
  MOST_INTENTS,
  type Outcome,
} from "./types.ts";

export const newAgent = (): AgentState => ({ ...newLevel(), intents: {} });
export const newFleet = (): Level => newLevel();

const NO_LINE: Line = { level: 0, slope: 0 };

export type Subject = Readonly<{
  /** The agent's score as the caller states it (A of the classic rule), in [0, 10]; absent: 5, like any other. */
  stated?: number;
  step?: number;
  /** What is foretold of the step; absent: its score is all there is. */
  forecast?: Forecast;
  intent?: string;
  nowMs: number;
}>;

export type LearnedScore = Readonly<{
  /** E in [0, 10]. Without evidence stated + step − 5, or what is foretold in the step's place, from where evidence moves it. */
  score: number;
  /** Success that `powerful` adds over `fast`, beyond what it adds on average. */
  benefit: number;
  /** The chance of success on each tier, in [0, 1], and how many outcomes of this agent it rests on. */
  tiers: Readonly<Record<Tier, Readonly<{ quality: number; evidence: number }>>>;
  /** The share of the agent's own outcomes in its level, against the stated score; 0 to 1. */
  trust: number;
  /** Points of score that moved it from 5: together `score`, before it is bent at the ends. */
  moved: Readonly<{ stated: number; agentEvidence: number; intentEvidence: number; step: number }>;
}>;

/** @throws RangeError naming what is out of range */
export function learnedScore(
  fleet: Level,
  agent: AgentState,
  subject: Subject,
  settings: LearningSettings,
): LearnedScore {
  const lines = linesOf(fleet, agent, subject, settings);
  const z = centred(subject.step);
  const stated = (subject.stated ?? 5) - 5;
  const forecast = subject.step === undefined ? undefined : subject.forecast;
  const signs = signsOf(forecast);
  const expected = (tier: Tier) => {
    const { shared } = lines[tier];
    return at(lineOf(lines[tier]), z) + beyondLine(tier, z, forecast) + sumOfSigns(shared.signs, signs);
  };
  const gap = (of: (tier: Tier) => number) => (of("powerful") - of("fast")) / BENEFIT_PER_POINT;
  const own = gap((tier) => lines[tier].agent.level);
  const intent = gap((tier) => lines[tier].intent.level);
  const chance = forecast === undefined ? (success: number) => success : levelledOff;
  const points = gap((tier) => chance(expected(tier))) - gap((tier) => chance(lines[tier].shared.level));
  const tiers = Object.fromEntries(
    TIERS.map((tier) => {
      const quality = Math.min(1, Math.max(0, expected(tier)));
      return [tier, { quality, evidence: lines[tier].evidence }];
    }),
  ) as LearnedScore["tiers"];
  const known = TIERS.reduce((sum, tier) => sum + lines[tier].evidence, 0);
  return {
    score: bent(points),
    benefit: points * BENEFIT_PER_POINT,
    tiers,
    trust: known / (known + settings.priorEvidence),
    moved: { stated, agentEvidence: own - stated, intentEvidence: intent, step: points - own - intent },
  };
}

/** The cheapest tier that is expected to do as well as the best one, but for `tolerance` (0.02: two points of success). */
export function cheapestSufficient({ tiers }: LearnedScore, tolerance: number): Tier {
  const best = Math.max(...TIERS.map((tier) => tiers[tier].quality));
  return TIERS.find((tier) => tiers[tier].quality >= best - tolerance) ?? "powerful";
}

/**
 * What one more outcome makes of both states, in O(1).
 * An outcome is not weighted by the inverse of its propensity: each tier's line is a regression on everything the choice of
 * the tier looked at, which that choice does not bias; weights would only add variance. Propensities are for off-policy estimates.
 * @throws RangeError naming what is out of range
 */
export function learn(
  fleet: Level,
  agent: AgentState,
  outcome: Outcome,
  settings: LearningSettings,
): Readonly<{ fleet: Level; agent: AgentState }> {
  const { tier, quality, step, forecast, intent, atMs } = outcome;
  if (!(quality >= 0 && quality <= 1)) throw new RangeError(`quality must be in [0, 1], not ${quality}`);
  if (step !== undefined) assertScore("step", step);
  const z = centred(step);
  const known = step === undefined ? undefined : forecast;
  const signs = signsOf(known);
  const y = quality - beyondLine(tier, z, known);
  const seen: Seen = { tier, z, y, ...(signs !== undefined && { signs }), atMs };
  // Everyone's line has no half-life by count: it must not sway with the agent that is busiest today.
  const byTime = settings.halfLifeMs === undefined ? {} : { halfLifeMs: settings.halfLifeMs };
  const isByIntent = settings.byIntent && intent !== undefined;
  const intents = isByIntent ? withIntent(agent.intents, intent, lessShared(seen), settings) : agent.intents;
  return {
    fleet: addOutcome(fleet, seen, byTime, true),
    agent: { ...addOutcome(agent, seen, settings), intents },
  };

  /** An intent keeps no sums of signs, which would be too many: for it they count as they do now. */
  function lessShared({ signs: own, ...plain }: Seen): Seen {
    if (own === undefined) return plain;
    const everyone = fadeTo(fleet, atMs, settings.halfLifeMs);
    const { signs: weights } = sharedLine(everyone.tiers[tier], tier, settings);
    return { ...plain, y: plain.y - sumOfSigns(weights, own) };
  }
}

function withIntent(
  intents: AgentState["intents"],
  intent: string,
  outcome: Seen,
  settings: LearningSettings,
): AgentState["intents"] {
  const learned = addOutcome(levelOf(intents, intent) ?? newLevel(), outcome, settings);
  const others = Object.entries(intents).filter(([name]) => name !== intent);
  if (others.length >= MOST_INTENTS) {
    const least = Math.min(...others.map(([, level]) => evidenceOf(level)));
    const index = others.findIndex(([, level]) => evidenceOf(level) === least);
    others.splice(index, 1);
  }
  return Object.fromEntries([...others, [intent, learned]]);
}

/** Own properties only: an intent named `constructor` is a name like any other. */
const levelOf = (intents: AgentState["intents"], intent: string): Level | undefined =>
  Object.hasOwn(intents, intent) ? intents[intent] : undefined;

/** Everyone's line, what the agent adds to it, and what its intent adds to that. */
type Lines = Readonly<{ shared: SignedLine; agent: Line; intent: Line; evidence: number }>;

function linesOf(fleet: Level, agent: AgentState, subject: Subject, settings: LearningSettings) {
  const { stated = 5, step, nowMs } = subject;
  assertScore("agent", stated);
  if (step !== undefined) assertScore("step", step);
  const { priorEvidence, stepEvidence, halfLifeMs } = settings;
  const everyone = fadeTo(fleet, nowMs, halfLifeMs);
  const own = fadeTo(agent, nowMs, halfLifeMs);
  const worth = { level: priorEvidence, slope: stepEvidence };
  const kept =
    settings.byIntent && subject.intent !== undefined ? levelOf(agent.intents, subject.intent) : undefined;
  const its = kept && fadeTo(kept, nowMs, halfLifeMs);
  const shared = byTier((tier) => sharedLine(everyone.tiers[tier], tier, settings));
  // Each level is held to the one above as it stands now, not as it stood when an outcome came.
  const expected = byTier((tier) => ({
    level: shared[tier].level + (stated - 5) * lossPerPoint(tier),
    slope: shared[tier].slope,
  }));
  const ours = byTier((tier) => lessSigns(own.tiers[tier], shared[tier].signs));
  const mine = heldLines(ours, expected, worth);
  const intents = its && heldLines(its.tiers, mine, worth);
  return byTier(
    (tier): Lines => ({
      shared: shared[tier],
      agent: minus(mine[tier], shared[tier]),
      intent: intents === undefined ? NO_LINE : minus(intents[tier], mine[tier]),
      evidence: own.tiers[tier].n,
    }),
  );
}

const sharedLine = (
  everyone: Evidence,
  tier: Tier,
  { sharedStepEvidence, signEvidence }: LearningSettings,
): SignedLine =>
  signedLine(everyone, expectedLine(tier), { level: 1, slope: sharedStepEvidence, sign: signEvidence });

const byTier = <T>(of: (tier: Tier) => T): Readonly<Record<Tier, T>> => ({
  fast: of("fast"),
  balanced: of("balanced"),
  powerful: of("powerful"),
});

const minus = (one: Line, other: Line): Line => ({
  level: one.level - other.level,
  slope: one.slope - other.slope,
});

const lineOf = ({ shared, agent, intent }: Lines): Line => ({
  level: shared.level + agent.level + intent.level,
  slope: shared.slope + agent.slope + intent.slope,
});

/** Near certain success there is little left to gain, however easy the step: a logistic curve, as steep as the line where success is even. */
const levelledOff = (success: number): number => 1 / (1 + Math.exp(-4 * (success - 0.5)));

/** 5 + points up to 4 points away; beyond, ever closer to the end without reaching it, so that order is never lost. */
function bent(points: number): number {
  const away = Math.abs(points);
  return 5 + Math.sign(points) * (away <= 4 ? away : 5 - Math.exp(4 - away));
}
