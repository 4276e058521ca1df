/** A service with many agents, and one outcome after the other. */
import type { Tier } from "../../routing/types.ts";
import { learn, learnedScore, newAgent, newFleet, type Subject } from "../agent-score.ts";
import {
  type AgentState,
  DEFAULT_LEARNING,
  type LearningSettings,
  type Level,
  type Outcome,
} from "../types.ts";

export class LearningService {
  fleet: Level = newFleet();
  agents: Record<string, AgentState> = {};
  readonly settings: LearningSettings;

  constructor(settings: LearningSettings = DEFAULT_LEARNING) {
    this.settings = settings;
  }

  learn(name: string, tier: Tier, quality: number, more: Partial<Omit<Outcome, "tier" | "quality">> = {}) {
    const outcome = { tier, quality, atMs: 1, ...more };
    const { fleet, agent } = learn(this.fleet, this.agents[name] ?? newAgent(), outcome, this.settings);
    this.fleet = fleet;
    this.agents[name] = agent;
  }

  score(name: string, more: Partial<Subject> = {}) {
    return learnedScore(this.fleet, this.agents[name] ?? newAgent(), { nowMs: 1, ...more }, this.settings);
  }
}
