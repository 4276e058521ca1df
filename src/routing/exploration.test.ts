import { describe, expect, it } from "vitest";
import { scoringInputsOf } from "./scoring-inputs.ts";
import { CLASSIC, decisionOf, requestWith, stateWith, WHEN_ALL_WERE_SERVED } from "./test-support.ts";
import type { Decision, ProviderState, RoutingConfig, RoutingRequest } from "./types.ts";

const EXPLORE = { probability: 0.2, width: 0.5, mostLoss: 1, mostExtraNanoUsd: 10_000_000_000n };
const configWith = (explore?: Partial<typeof EXPLORE>): RoutingConfig => ({
  ...CLASSIC,
  agentScore: {
    learn: true,
    serve: true,
    byIntent: false,
    halfLifeMs: 86_400_000,
    feedbackWaitMs: 0,
    ...(explore && { explore: { ...EXPLORE, ...explore } }),
  },
});
const SERVED = stateWith({ today: WHEN_ALL_WERE_SERVED });

function decide(
  agent: number,
  explore: Partial<typeof EXPLORE> | undefined,
  more: Readonly<{ random?: number; request?: Partial<RoutingRequest>; state?: Partial<ProviderState> }> = {},
): Decision {
  const request = requestWith({ agentScores: { combined: agent }, ...more.request });
  return decisionOf(request, { ...SERVED, random: more.random ?? 0, ...more.state }, configWith(explore));
}

describe("the other side of a near threshold", () => {
  it("is not tried until that is asked for", () => {
    const decision = decide(2.9, undefined);
    expect(decision.tier).toBe("fast");
    expect(decision.learned).not.toHaveProperty("exploration");
  });

  it("is tried as often as asked for, and the decision says so", () => {
    const decision = decide(2.9, {});
    expect(decision.tier).toBe("balanced");
    expect(decision.causes).toContainEqual({
      kind: "exploration",
      before: "fast",
      after: "balanced",
      detail: "The score is near where fast ends; balanced is tried in 20 % of such calls",
    });
    expect(decision.reason).toContain("then balanced to try it");
    expect(decide(6.7, {}).tier).toBe("balanced");
  });

  it("is logged with its probability whether it was tried or not, and not where it could not be", () => {
    const logged = { usual: "fast", other: "balanced", probability: 0.2 };
    expect(decide(2.9, {}).learned?.exploration).toEqual({ ...logged, tried: true });
    const usual = decide(2.9, {}, { random: 0.2 });
    expect(usual.learned?.exploration).toEqual({ ...logged, tried: false });
    expect(usual.tier).toBe("fast");
    expect(decide(1, {}).learned).not.toHaveProperty("exploration");
  });

  it("leaves with the execution with which probability each tier could have been chosen", () => {
    const recorded = (agent: number, random: number) =>
      scoringInputsOf(requestWith(), decide(agent, {}, { random })).propensities;
    expect(recorded(2.9, 0)).toEqual({ fast: 0.8, balanced: 0.2, powerful: 0 });
    expect(recorded(2.9, 0.5)).toEqual({ fast: 0.8, balanced: 0.2, powerful: 0 });
    expect(recorded(6.7, 0)).toEqual({ fast: 0, balanced: 0.2, powerful: 0.8 });
    expect(recorded(1, 0)).toBeUndefined();
  });

  it("is not tried where it may lose or cost more than allowed, or where nobody drew", () => {
    expect(decide(6.7, { mostLoss: 0.04 }).tier).toBe("powerful");
    expect(decide(6.7, { mostLoss: 0.05 }).tier).toBe("balanced");
    expect(decide(2.9, { mostExtraNanoUsd: 0n }).tier).toBe("fast");
    expect(decide(2.9, {}, { state: { random: undefined } }).tier).toBe("fast");
  });

  it.each<[string, Partial<RoutingRequest>, Partial<ProviderState>]>([
    ["the caller asks for a tier at least", { constraints: { minimumTier: "fast" } }, {}],
    ["the caller asks for a model", { constraints: { target: { provider: "openai", model: "gpt-4o" } } }, {}],
    ["the step has failed before", { previousFailures: 1 }, {}],
    ["the call has a token budget", { budgetRemainingTokens: 100_000 }, {}],
    [
      "a budget in money is short",
      { funds: { accounts: [{ budgetId: "b", unit: "nano_usd", left: 10n ** 12n }] } },
      {},
    ],
    ["something of the session is cached", {}, { warm: new Map() }],
  ])("is not tried where %s", (_, request, state) => {
    const decision = decide(2.9, {}, { request, state });
    expect(decision.learned?.exploration).toBeUndefined();
    expect(decision.causes.map(({ kind }) => kind)).not.toContain("exploration");
  });

  it("is not tried where nothing there can be called", () => {
    const open = { breaker: "open" as const, calls: 0 };
    const targets = new Map(
      CLASSIC.tiers.balanced.targets.map(({ provider, model }) => [`${provider}/${model}`, open]),
    );
    expect(decide(2.9, {}, { state: { targets } }).causes.map(({ kind }) => kind)).not.toContain(
      "exploration",
    );
  });
});
