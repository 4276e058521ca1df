/** How a routing configuration has agents' scores learned. */
import type { AgentScoreConfig, RoutingConfig } from "../routing/types.ts";
import { DEFAULT_LEARNING, type LearningSettings } from "./types.ts";

export const learningSettings = ({ halfLifeMs, byIntent }: AgentScoreConfig): LearningSettings => ({
  ...DEFAULT_LEARNING,
  halfLifeMs,
  byIntent,
});

/** As configured, or as it would be. */
export const settingsOf = ({ agentScore }: Pick<RoutingConfig, "agentScore">): LearningSettings =>
  agentScore === undefined ? DEFAULT_LEARNING : learningSettings(agentScore);

/** How long after its call an outcome is learned from; undefined: nothing is learned. */
export const outcomeWaitMs = ({ agentScore }: Pick<RoutingConfig, "agentScore">): number | undefined =>
  agentScore?.learn === true ? agentScore.feedbackWaitMs : undefined;
