import type { Tier } from "../routing/types.ts";

/** What the calibrated scorer foretells of a step. */
export type Forecast = Readonly<{
  /** How likely a weak model is to fail, in [0, 1]. */
  difficulty: number;
  /** What a strong model is expected to add to success, in [-1, 1]. */
  benefit: number;
  /** What each kind of sign adds to the step's raw score, in success, all of the same number. */
  signs?: readonly number[];
}>;

/** How one call went. Only the tier that was called is known: what another would have answered is never made up. */
export type Outcome = Readonly<{
  tier: Tier;
  /** 0 failed, 1 succeeded; a quality of 1 to 5 is (quality - 1) / 4. */
  quality: number;
  /** The step's score in [0, 10]; absent: the call had no step. */
  step?: number;
  /** What was foretold of the step; absent: its score is all there was. */
  forecast?: Forecast;
  intent?: string;
  /** When it became known, in ms of any clock that the caller keeps to. */
  atMs: number;
}>;

/**
 * Faded sums of what was seen on one tier: enough for a line through the step's score, and no more. Success (y) is less what was foretold
 * of the step beyond that line.
 */
export type Evidence = Readonly<{
  n: number;
  z: number;
  zz: number;
  y: number;
  zy: number;
  /** Absent: no step came with any. Everyone's and an agent's; those of an intent know nothing of them. */
  signs?: SignSums;
}>;

/** Sums of the signs (x), by sign, and of their products. */
export type SignSums = Readonly<{
  x: readonly number[];
  zx: readonly number[];
  /** Everyone's alone: with one another, row by row up to the diagonal, and with success. */
  xx?: readonly number[];
  xy?: readonly number[];
}>;

/** Evidence of one level (everyone, an agent, an agent's intent). Plain JSON of bounded size. */
export type Level = Readonly<{ tiers: Readonly<Record<Tier, Evidence>>; lastMs: number }>;

/** What one agent has taught, in all and for its intents. */
export type AgentState = Level & Readonly<{ intents: Readonly<Record<string, Level>> }>;

export type LearningSettings = Readonly<{
  /** Outcomes that the caller's `agent_ais` is worth against what sets a tier apart; against what an agent's tiers have in common a fourth. */
  priorEvidence: number;
  /** The same of the shared weight of the step against an agent's own. */
  stepEvidence: number;
  /** Outcomes that the step's initial weight is worth against what everyone's outcomes say. */
  sharedStepEvidence: number;
  /** Outcomes that it is worth that each sign counts as the scorer says. */
  signEvidence: number;
  /** An outcome counts half after so many later ones on its tier; absent: it never fades by count. */
  halfLifeOutcomes?: number;
  /** An outcome counts half after so long; absent: it never fades by time. */
  halfLifeMs?: number;
  /** Learn intents of an agent apart. */
  byIntent: boolean;
}>;

/** What was learned by a moment: what a decision reads. */
export type AgentHistory = Readonly<{ fleet: Level; agent: AgentState; nowMs: number }>;

export const DEFAULT_LEARNING: LearningSettings = {
  priorEvidence: 20,
  stepEvidence: 500,
  sharedStepEvidence: 1_000,
  signEvidence: 50,
  halfLifeOutcomes: 5_000,
  halfLifeMs: 30 * 24 * 3_600_000,
  byIntent: false,
};

/** Intents of one agent that are kept; beyond it the one with least evidence goes. */
export const MOST_INTENTS = 16;
