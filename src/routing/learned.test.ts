import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { learn, newAgent, newFleet } from "../agent-score/agent-score.ts";
import { type AgentHistory, DEFAULT_LEARNING } from "../agent-score/types.ts";
import { scoreRequest } from "./score.ts";
import {
  anyScore,
  CLASSIC,
  decisionOf,
  requestWith,
  stateWith,
  stepWith,
  WHEN_ALL_WERE_SERVED,
} from "./test-support.ts";
import type { RoutingConfig, RoutingRequest } from "./types.ts";

const ON: RoutingConfig = {
  ...CLASSIC,
  agentScore: {
    learn: true,
    serve: true,
    byIntent: false,
    halfLifeMs: 30 * 86_400_000,
    feedbackWaitMs: 0,
  },
};
const LEARNING_ONLY: RoutingConfig = {
  ...ON,
  agentScore: { ...(ON.agentScore as NonNullable<RoutingConfig["agentScore"]>), serve: false },
};
const SERVED = stateWith({ today: WHEN_ALL_WERE_SERVED });

/** A step whose score is low, or as high as it gets: the six factors say so, no score is set. */
const step = (is: "easy" | "hard") =>
  stepWith(
    is === "easy"
      ? { type: "filter" }
      : {
          type: "generate",
          measured: { promptCharacters: 9_000, dataBytes: 900_000, conditions: 90, references: 90 },
        },
  );
const ask = (is: "easy" | "hard", parts: Partial<RoutingRequest> = {}) =>
  requestWith({ step: step(is), agentScores: { combined: 5 }, ...parts });
const stepScoreOf = (is: "easy" | "hard"): number => scoreRequest(ask(is), CLASSIC).step?.score ?? -1;

/**
 * Agents whose calls were graded on both tiers. Fast fails `easy` on the hardest steps alone, and does well by `hard` on the easiest
 * alone; powerful never fails.
 */
function histories(): Record<"easy" | "hard", AgentHistory> {
  let fleet = newFleet();
  const agents = { easy: newAgent(), hard: newAgent() };
  const [low, high] = [stepScoreOf("easy"), stepScoreOf("hard")];
  const between = [low, (low * 2 + high) / 3, (low + high * 2) / 3, high];
  for (let round = 0; round < 400; round += 1) {
    for (const name of ["easy", "hard"] as const) {
      between.forEach((score, place) => {
        const works = name === "easy" ? place < 3 : place < 1;
        for (const tier of ["fast", "powerful"] as const) {
          const outcome = { tier, step: score, quality: Number(works || tier === "powerful"), atMs: 1 };
          const learned = learn(fleet, agents[name], outcome, DEFAULT_LEARNING);
          fleet = learned.fleet;
          agents[name] = learned.agent;
        }
      });
    }
  }
  return {
    easy: { fleet, agent: agents.easy, nowMs: 1 },
    hard: { fleet, agent: agents.hard, nowMs: 1 },
  };
}

describe("a learned score", () => {
  let known: ReturnType<typeof histories>;
  beforeAll(() => {
    known = histories();
  });

  const decide = (request: RoutingRequest, history?: AgentHistory, config = ON) =>
    decisionOf(request, { ...SERVED, ...(history && { history }) }, config);

  it("lets a hard step of an easy agent reach powerful, and an easy step of a hard agent fast", () => {
    expect(decide(ask("hard"), known.easy).tier).toBe("powerful");
    expect(decide(ask("easy"), known.easy).tier).toBe("fast");
    expect(decide(ask("easy"), known.hard).tier).toBe("fast");
    expect(decide(ask("hard"), known.hard).tier).toBe("powerful");
  });

  it("does what a fixed weight of the agent cannot, whatever the agent's own score", () => {
    const tiers = (combined: number) =>
      (["easy", "hard"] as const).map(
        (is) => decisionOf(ask(is, { agentScores: { combined } }), SERVED, CLASSIC).tier,
      );
    expect(tiers(1)).not.toContain("powerful");
    expect(tiers(9)).not.toContain("fast");
  });

  it("counts in place of the weighted sum, and is told of with what it rests on", () => {
    const decision = decide(ask("hard"), known.easy);
    expect(decision.agentScore).toBe(5);
    expect(decision.learned?.tiers.fast.evidence).toBeGreaterThan(1_000);
    expect(decision.learned?.tiers.balanced.evidence).toBe(0);
    expect(decision.learned?.trust).toBeGreaterThan(0.9);
    expect(decision.learned?.moved.step).toBeGreaterThan(0);
    expect(decision.effectiveScore).toBeCloseTo(decision.learned?.score ?? -1, 5);
    expect(decision.reason).toMatch(
      /^E [\d.]+ = 5, \+0 as stated, [+-][\d.]+ by some \d+ outcomes of this agent, \+[\d.]+ by the step.*: powerful/,
    );
    expect(decision.causes[0]?.detail).toContain("learned: 5, +0 as stated");
  });

  it("is what the caller states and the step where nothing is known", () => {
    const decision = decide(requestWith({ agentScores: { combined: 7.5 } }));
    expect(decision).toMatchObject({ effectiveScore: 7.5, tier: "powerful" });
    expect(decision.reason).toContain("5, +2.5 as stated, no outcomes of this agent");
  });

  it("changes nothing where it is off, also while outcomes are learned", () => {
    fc.assert(
      fc.property(anyScore, fc.constantFrom("easy", "hard"), (combined, is) => {
        const request = ask(is, { agentScores: { combined } });
        const before = decisionOf(request, SERVED, CLASSIC);
        expect(JSON.stringify(before, digits)).toBe(
          JSON.stringify(decide(request, known.hard, LEARNING_ONLY), digits),
        );
        expect(before).not.toHaveProperty("learned");
      }),
    );
  });
});

const digits = (_: string, value: unknown): unknown => (typeof value === "bigint" ? value.toString() : value);
