/** The one line for people, written from the decision's own numbers. */

import { sayCalibrated } from "./calibrated.ts";
import { sayMoved } from "./say-moved.ts";
import type { RequestScores } from "./score.ts";
import type { AgentScoreSource, Cause, CauseKind, Decision, RoutingConfig, Tier } from "./types.ts";
import { targetKey } from "./types.ts";

export const ROUTER_ERROR_REASON = "Default routing (error fallback)";

/**
 * For example "E 5.18 = 0.6 x A 5 (cold start) + 0.4 x S 5.45: balanced (3 to 6.5). Runs on kimi/kimi-k2-0905-preview
 * with up to 4096 output tokens; 2 fallbacks." Scores are printed to 1e-6, the grain of the score that decided; A and S as they
 * are recorded may have the floats' noise behind it.
 */
export function explain({ scores, targets, causes }: Explained, config: RoutingConfig): string {
  const [chosen] = targets;
  const [first] = causes;
  const band = explainTier(first?.after ?? chosen.tier, config);
  const others = targets.length === 2 ? "1 fallback" : `${targets.length - 1} fallbacks`;
  return `${explainScore(scores, config)}: ${band}${explainMoves(causes)}. Runs on ${targetKey(chosen)} with up to ${chosen.maxOutputTokens} output tokens; ${others}.`;
}

/** The parts of a decision that its reason is written from. */
export type Explained = Readonly<{ scores: RequestScores }> & Pick<Decision, "targets" | "causes">;

const SOURCES: Readonly<Record<AgentScoreSource, string>> = {
  combined: "",
  blended: " (creation and execution blended)",
  creation_only: " (creation only)",
  execution_only: " (execution only)",
  cold_start: " (cold start)",
};

function explainScore(scores: RequestScores, { agentWeight, stepWeight, scorer }: RoutingConfig): string {
  const { effectiveScore, step, learned, calibrated } = scores;
  if (learned !== undefined) return `E ${effectiveScore} = ${sayMoved(learned)}`;
  const agent = `A ${readable(scores.agentScore)}${SOURCES[scores.agentScoreSource]}`;
  if (step === undefined) return `E ${effectiveScore} = ${agent}, no step`;
  const how = scorer === "calibrated" && calibrated !== undefined ? ` (${sayCalibrated(calibrated)})` : "";
  return `E ${effectiveScore} = ${agentWeight} x ${agent} + ${stepWeight} x S ${readable(step.score)}${how}`;
}

/** A caller whose 0.6 x 9 is 5.3999999999999995 means 5.4. */
const readable = (score: number): number => Math.round(score * 1e6) / 1e6;

function explainTier(tier: Tier, { thresholds }: RoutingConfig): string {
  switch (tier) {
    case "fast":
      return `fast (below ${thresholds.balancedFrom})`;
    case "balanced":
      return `balanced (${thresholds.balancedFrom} to ${thresholds.balancedTo})`;
    case "powerful":
      return `powerful (above ${thresholds.balancedTo})`;
  }
}

const MOVES: Readonly<Partial<Record<CauseKind, string>>> = {
  previous_failures: "after previous failures",
  budget: "to fit the budget",
  constraint: "as the caller asked",
  capability: "for a target that can take it",
  availability: "for a target that can be called",
  exploration: "to try it",
  cache_affinity: "to stay where the session is cached",
};

function explainMoves(causes: readonly Cause[]): string {
  let text = "";
  for (const { kind, before, after } of causes) {
    if (before === undefined || before === after) continue;
    const why = MOVES[kind];
    text += why === undefined ? `, then ${after}` : `, then ${after} ${why}`;
  }
  return text;
}
