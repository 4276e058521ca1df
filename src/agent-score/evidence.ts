/** Faded sums of outcomes, by tier: what lines are drawn through. */
import { TIERS, type Tier } from "../routing/types.ts";
import { addSigns, fadedSigns } from "./signs.ts";
import type { Evidence, LearningSettings, Level } from "./types.ts";

/** quality = level + slope · z, with z = (step − 5) / 2. */
export type Line = Readonly<{ level: number; slope: number }>;
/** How many outcomes a prior's level and slope are worth. */
export type Worth = Line;

const NOTHING: Evidence = { n: 0, z: 0, zz: 0, y: 0, zy: 0 };

export const newLevel = (): Level => ({
  tiers: { fast: NOTHING, balanced: NOTHING, powerful: NOTHING },
  lastMs: 0,
});

/** A step's score, centred and scaled so that a unit is two points. No step says nothing: 0. */
export const centred = (step: number | undefined): number => (step === undefined ? 0 : (step - 5) / 2);

export const at = ({ level, slope }: Line, z: number): number => level + slope * z;

/** One outcome as sums take it in. */
export type Seen = Readonly<{
  tier: Tier;
  z: number;
  y: number;
  /** Scaled; absent: there were none, or the level knows nothing of them. */
  signs?: readonly number[];
  atMs: number;
}>;

/**
 * The level with one more outcome on a tier; what was there fades by count on this tier and by time on all.
 * @param withProducts the level is everyone's, which learns what signs count for
 */
export function addOutcome(
  level: Level,
  outcome: Seen,
  settings: Pick<LearningSettings, "halfLifeMs" | "halfLifeOutcomes">,
  withProducts = false,
): Level {
  const { tier, z, y, atMs } = outcome;
  const faded = fadeTo(level, atMs, settings.halfLifeMs);
  const { halfLifeOutcomes } = settings;
  const kept = scale(faded.tiers[tier], halfLifeOutcomes === undefined ? 1 : 0.5 ** (1 / halfLifeOutcomes));
  const signs = addSigns(kept.signs, outcome.signs, outcome, withProducts);
  const sums = { n: kept.n + 1, z: kept.z + z, zz: kept.zz + z * z, y: kept.y + y, zy: kept.zy + z * y };
  const more = signs === undefined ? sums : { ...sums, signs };
  return { tiers: { ...faded.tiers, [tier]: more }, lastMs: faded.lastMs };
}

/** The level as it counts at `nowMs`. A clock that went back fades nothing. */
export function fadeTo(level: Level, nowMs: number, halfLifeMs: number | undefined): Level {
  const passedMs = level.lastMs === 0 ? 0 : Math.max(0, nowMs - level.lastMs);
  const lastMs = Math.max(level.lastMs, nowMs);
  if (halfLifeMs === undefined || passedMs === 0) return { tiers: level.tiers, lastMs };
  const factor = 0.5 ** (passedMs / halfLifeMs);
  const tiers = Object.fromEntries(TIERS.map((tier) => [tier, scale(level.tiers[tier], factor)]));
  return { tiers: tiers as Record<Tier, Evidence>, lastMs };
}

/** How many outcomes the evidence still counts as. */
export const evidenceOf = (level: Level): number => TIERS.reduce((sum, tier) => sum + level.tiers[tier].n, 0);

function scale({ n, z, zz, y, zy, signs }: Evidence, by: number): Evidence {
  const sums = { n: n * by, z: z * by, zz: zz * by, y: y * by, zy: zy * by };
  return signs === undefined ? sums : { ...sums, signs: fadedSigns(signs, by) };
}
