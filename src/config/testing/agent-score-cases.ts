/** For every setting of agents' scores: a change of it, and where that is seen. */
import { learn, newAgent, newFleet } from "../../agent-score/agent-score.ts";
import { outcomeWaitMs } from "../../agent-score/settings.ts";
import { DEFAULT_LEARNING } from "../../agent-score/types.ts";
import type { ConfigDocument } from "../document.ts";
import { type Case, type Draft, decideKnowing } from "./observers.ts";

const DAY_MS = 86_400_000;
const SERVED: NonNullable<Draft["agentScore"]> = {
  learn: true,
  serve: true,
  byIntent: false,
  halfLifeMs: 30 * DAY_MS,
  feedbackWaitMs: 60_000,
};

/** Of an agent that fails on fast when it generates, and nowhere else. */
function history() {
  const settings = { ...DEFAULT_LEARNING, byIntent: true };
  let known = { fleet: newFleet(), agent: newAgent() };
  for (let index = 0; index < 200; index += 1) {
    for (const tier of ["fast", "powerful"] as const) {
      for (const intent of ["generate", "send"]) {
        const quality = Number(tier === "powerful" || intent === "send");
        known = learn(known.fleet, known.agent, { tier, quality, intent, atMs: 1 }, settings);
      }
    }
  }
  return { ...known, nowMs: 30 * DAY_MS };
}

const HISTORY = history();
const decide = (document: ConfigDocument) => decideKnowing(document, HISTORY);
const serve = (draft: Draft) => {
  draft.agentScore = { ...SERVED };
};
const set =
  (change: Partial<typeof SERVED>) =>
  (draft: Draft): void => {
    draft.agentScore = { ...SERVED, ...change };
  };

/** Everything is allowed, and the draw is low. */
const EXPLORE = { probability: 0.5, width: 10, mostLoss: 1, mostExtraNanoUsd: 10_000_000_000n };
const explore = set({ explore: EXPLORE });
const setExplore = (change: Partial<typeof EXPLORE>) => set({ explore: { ...EXPLORE, ...change } });

export const AGENT_SCORE_CASES: Readonly<Record<string, Case>> = {
  "agent_score.learn": [outcomeWaitMs, set({ learn: false }), serve],
  "agent_score.serve": [decide, set({ serve: false }), serve],
  "agent_score.by_intent": [decide, set({ byIntent: true }), serve],
  "agent_score.half_life": [decide, set({ halfLifeMs: DAY_MS }), serve],
  "agent_score.feedback_wait": [outcomeWaitMs, set({ feedbackWaitMs: 0 }), serve],
  "agent_score.explore.share": [decide, setExplore({ probability: 0 }), explore],
  "agent_score.explore.width": [decide, setExplore({ width: 0 }), explore],
  "agent_score.explore.most_loss": [decide, setExplore({ mostLoss: 0 }), explore],
  "agent_score.explore.most_extra_nano_usd": [decide, setExplore({ mostExtraNanoUsd: 0n }), explore],
};
