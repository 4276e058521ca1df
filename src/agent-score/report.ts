/** What was learned of one agent, for people: its score without a step and with steps from the easiest to the hardest. */
import { agentOnlyComplexity } from "../routing/complexity.ts";
import { selectTier, type Thresholds } from "../routing/tier.ts";
import type { Tier } from "../routing/types.ts";
import { type LearnedScore, learnedScore } from "./agent-score.ts";
import { evidenceOf, fadeTo } from "./evidence.ts";
import type { AgentHistory, LearningSettings } from "./types.ts";

const STEPS = [0, 2.5, 5, 7.5, 10] as const;

export type AgentReport = Readonly<{
  /** Without a step. */
  learned: LearnedScore;
  score: number;
  tier: Tier;
  steps: readonly Readonly<{ step: number; score: number; tier: Tier }>[];
  /** Those with most outcomes first; none where they are not learned apart. */
  intents: readonly Readonly<{ intent: string; score: number; tier: Tier; evidence: number }>[];
}>;

export function reportOf(
  { fleet, agent, nowMs }: AgentHistory,
  stated: number,
  settings: LearningSettings,
  thresholds: Thresholds,
): AgentReport {
  const scoreOf = (more: Readonly<{ step?: number; intent?: string }>) =>
    learnedScore(fleet, agent, { stated, nowMs, ...more }, settings);
  /** Rounded as every effective score is. */
  const inTier = (learned: number) => {
    const score = agentOnlyComplexity(learned);
    return { score, tier: selectTier(score, thresholds) };
  };
  const learned = scoreOf({});
  const intents = Object.entries(settings.byIntent ? agent.intents : {}).map(([intent, level]) => ({
    intent,
    ...inTier(scoreOf({ intent }).score),
    evidence: evidenceOf(fadeTo(level, nowMs, settings.halfLifeMs)),
  }));
  return {
    learned,
    ...inTier(learned.score),
    steps: STEPS.map((step) => ({ step, ...inTier(scoreOf({ step }).score) })),
    intents: intents.sort((one, other) => other.evidence - one.evidence),
  };
}
