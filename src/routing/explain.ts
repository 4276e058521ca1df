/** The one line for people, written from the decision's own numbers. */

import type { AgentScoreSource, CauseKind, Decision, RoutingConfig, Tier } from "./types.ts";
import { targetKey } from "./types.ts";

export const ROUTER_ERROR_REASON = "Default routing (error fallback)";

/**
 * For example "E 5.18 = 0.6 x A 5 (cold start) + 0.4 x S 5.45: balanced (3 to 6.5). Runs on kimi/kimi-k2-0905-preview
 * with up to 4096 output tokens; 2 fallbacks." Scores are printed to 1e-6, the grain of the score that decided; A and S as they
 * are recorded may have the floats' noise behind it.
 */
export function explain(decision: Omit<Decision, "reason">, config: RoutingConfig): string {
  const [chosen, ...fallbacks] = decision.targets;
  const moves = listMoves(decision);
  const story = [`${explainScore(decision, config)}: ${explainTier(decision, config)}`, ...moves].join(
    ", then ",
  );
  const others = fallbacks.length === 1 ? "1 fallback" : `${fallbacks.length} fallbacks`;
  return `${story}. Runs on ${targetKey(chosen)} with up to ${chosen.maxOutputTokens} output tokens; ${others}.`;
}

const SOURCES: Readonly<Record<AgentScoreSource, string>> = {
  combined: "",
  blended: " (creation and execution blended)",
  creation_only: " (creation only)",
  execution_only: " (execution only)",
  cold_start: " (cold start)",
};

function explainScore(decision: Omit<Decision, "reason">, config: RoutingConfig): string {
  const agent = `A ${readable(decision.agentScore)}${SOURCES[decision.agentScoreSource]}`;
  if (decision.stepScore === undefined) return `E ${decision.effectiveScore} = ${agent}, no step`;
  const step = `S ${readable(decision.stepScore)}`;
  return `E ${decision.effectiveScore} = ${config.agentWeight} x ${agent} + ${config.stepWeight} x ${step}`;
}

/** A caller whose 0.6 x 9 is 5.3999999999999995 means 5.4. */
const readable = (score: number): number => Math.round(score * 1e6) / 1e6;

function explainTier(decision: Omit<Decision, "reason">, { thresholds }: RoutingConfig): string {
  const bands: Readonly<Record<Tier, string>> = {
    fast: `fast (below ${thresholds.balancedFrom})`,
    balanced: `balanced (${thresholds.balancedFrom} to ${thresholds.balancedTo})`,
    powerful: `powerful (above ${thresholds.balancedTo})`,
  };
  const [score] = decision.causes;
  return bands[score?.after ?? decision.tier];
}

const MOVES: Readonly<Partial<Record<CauseKind, string>>> = {
  previous_failures: "after previous failures",
  budget: "to fit the budget",
  constraint: "as the caller asked",
  capability: "for a target that can take it",
  availability: "for a target that can be called",
  cache_affinity: "to stay where the session is cached",
};

function listMoves(decision: Omit<Decision, "reason">): string[] {
  return decision.causes
    .filter(({ before, after }) => before !== undefined && before !== after)
    .map(({ kind, after }) => [after, MOVES[kind]].filter((part) => part !== undefined).join(" "));
}
