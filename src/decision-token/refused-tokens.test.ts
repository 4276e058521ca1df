import { describe, expect, it } from "vitest";
import {
  AGENT,
  breakers,
  CLASSIC,
  CURRENT,
  namesOf,
  requestWith,
  SANDBOX,
  stateWith,
} from "../routing/test-support.ts";
import type { RoutingConfig } from "../routing/types.ts";
import { UntrustedTokenError } from "./decision-tokens.ts";
import { LIFETIME_MS, refusalOf, SERVED, tokensIn } from "./test-support.ts";

describe("a decision token is refused", () => {
  it("from the moment it expires", () => {
    const { world, issue, run } = tokensIn();
    const { token } = issue(requestWith());
    world.nowMs += LIFETIME_MS - 1;
    expect(run(token).decisionId).toBe("decision-1");
    world.nowMs += 1;
    expect(refusalOf(() => run(token))).toMatchObject({
      code: "FAILED_PRECONDITION",
      reason: "DECISION_EXPIRED",
      message: "The decision token has expired, 300 s after it was issued: call Route again.",
    });
  });

  it("when it was not issued with this secret", () => {
    const { tokens, issue } = tokensIn();
    const { token } = issue(requestWith());
    expect(() => tokens.open(`${token}AAAA`)).toThrow(UntrustedTokenError);
  });

  const { balanced } = CLASSIC.tiers;
  const withBalanced = (parts: Partial<typeof balanced>): RoutingConfig => ({
    ...CLASSIC,
    tiers: { ...CLASSIC.tiers, balanced: { ...balanced, ...parts } },
  });

  it.each<[string, RoutingConfig]>([
    ["the thresholds", { ...CLASSIC, thresholds: { balancedFrom: 2, balancedTo: 6 } }],
    ["a weight", { ...CLASSIC, agentWeight: 0.5, stepWeight: 0.5 }],
    [
      "a factor's limits",
      { ...CLASSIC, limits: { ...CLASSIC.limits, prompt: { low: 1, medium: 2, high: 3 } } },
    ],
    ["the order of the tier's targets", withBalanced({ targets: balanced.targets.toReversed() })],
    ["the tier's output cap", withBalanced({ maxOutputTokens: 100 })],
    ["the tier's temperature", withBalanced({ temperature: 0 })],
    ["what becomes of retired models", { ...CLASSIC, retiredModels: "try" }],
    ["the preset", CURRENT],
  ])("when %s changed in the configuration", (_, config) => {
    const { world, issue, run } = tokensIn();
    const { token } = issue(requestWith({ agentScores: AGENT.balanced }));
    world.config = config;
    expect(refusalOf(() => run(token))).toMatchObject({
      code: "FAILED_PRECONDITION",
      reason: "DECISION_CONFIG_CHANGED",
    });
  });

  it.each<[string, RoutingConfig]>([
    ["the version's number", { ...CLASSIC, version: 8 }],
    ["the timers", withBalanced({ timers: { ...balanced.timers, headersMs: 1 } })],
    ["another tier", { ...CLASSIC, tiers: { ...CLASSIC.tiers, fast: CURRENT.tiers.fast } }],
    ["the order in which keys are written", { ...CLASSIC, thresholds: { balancedTo: 6.5, balancedFrom: 3 } }],
    ["how often is tried", { ...CLASSIC, maxAttempts: 2 }],
  ])("but not when it is %s that changed: the decision does not rest on it", (_, config) => {
    const { world, issue, run } = tokensIn();
    const { token } = issue(requestWith({ agentScores: AGENT.balanced }));
    world.config = config;
    expect(run(token).decision.configVersion).toBe(0);
  });

  it("when the sandbox answered then, and providers that cost money would now", () => {
    const { world, issue, run } = tokensIn({ state: SANDBOX });
    const { token } = issue(requestWith({ agentScores: AGENT.balanced }));
    world.state = stateWith();
    expect(refusalOf(() => run(token)).reason).toBe("DECISION_CONFIG_CHANGED");
  });

  it("when nothing of it can serve the call, with every reason and when to come back", () => {
    const { world, issue, run } = tokensIn();
    const { token } = issue(requestWith({ agentScores: AGENT.fast }));
    world.state = {
      ...SERVED,
      targets: breakers({ "anthropic/claude-3-haiku-20240307": "open", "openai/gpt-4o-mini": "parked" }),
    };
    const refused = refusalOf(() => run(token));
    expect(refused).toMatchObject({
      code: "FAILED_PRECONDITION",
      reason: "DECISION_TARGET_UNAVAILABLE",
      retryAfterMs: 2_500,
    });
    expect(refused.message).toMatch(/claude-3-haiku.*breaker is open.*gpt-4o-mini.*check the key/);
  });

  it("but not when a target behind an open breaker may be probed", () => {
    const { world, issue, run } = tokensIn();
    const { token } = issue(requestWith({ agentScores: AGENT.fast }));
    const open = { "anthropic/claude-3-haiku-20240307": "open", "openai/gpt-4o-mini": "open" } as const;
    world.state = { ...SERVED, targets: breakers(open) };
    world.hurry = () => {
      world.state = { ...SERVED, targets: breakers({ ...open, "openai/gpt-4o-mini": "half_open" }) };
      return true;
    };
    expect(namesOf(run(token).decision)).toEqual(["openai gpt-4o-mini"]);
  });
});
