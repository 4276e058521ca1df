/** What moved a learned score, in words. */
import type { LearnedScore } from "../agent-score/agent-score.ts";
import { TIERS } from "./types.ts";

/** For example "5, +1 as stated, +0.42 by some 120 outcomes of this agent, -0.3 by the step". */
export function sayMoved({ moved, tiers }: LearnedScore): string {
  const outcomes = Math.round(TIERS.reduce((sum, tier) => sum + tiers[tier].evidence, 0));
  const parts = [
    "5",
    `${signed(moved.stated)} as stated`,
    outcomes === 0
      ? "no outcomes of this agent"
      : `${signed(moved.agentEvidence)} by some ${outcomes} outcomes of this agent`,
    ...(moved.intentEvidence === 0 ? [] : [`${signed(moved.intentEvidence)} by those of such steps`]),
    ...(moved.step === 0 ? [] : [`${signed(moved.step)} by the step`]),
  ];
  const sum = 5 + moved.stated + moved.agentEvidence + moved.intentEvidence + moved.step;
  return `${parts.join(", ")}${sum > 9 || sum < 1 ? ", held between 0 and 10" : ""}`;
}

const signed = (points: number): string => {
  const rounded = Math.round(points * 100) / 100;
  return rounded >= 0 ? `+${rounded}` : String(rounded);
};
