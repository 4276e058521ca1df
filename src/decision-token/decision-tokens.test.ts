import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { learn, newAgent, newFleet } from "../agent-score/agent-score.ts";
import { DEFAULT_LEARNING } from "../agent-score/types.ts";
import { defaultDecision, route } from "../routing/router.ts";
import {
  AGENT,
  anyScore,
  breakers,
  CLASSIC,
  CURRENT,
  decisionOf,
  NO_NEEDS,
  namesOf,
  providersWithKeys,
  requestWith,
  stateWith,
  stepWith,
  WHEN_ALL_WERE_SERVED,
} from "../routing/test-support.ts";
import {
  type Decision,
  INTENTS,
  type ProviderState,
  type RoutingConfig,
  type RoutingRequest,
  TIERS,
} from "../routing/types.ts";
import { chat, refusalOf, SERVED, tokensIn } from "./test-support.ts";

/** An agent that fast often fails, among others that it never does. @param outcomes of it */
function historyOf(outcomes: number): NonNullable<ProviderState["history"]> {
  let known = { fleet: newFleet(), agent: newAgent() };
  for (let index = 0; index < outcomes; index += 1) {
    const outcome = { tier: "fast" as const, quality: Number(index % 3 === 0), atMs: 1 };
    const others = learn(known.fleet, newAgent(), { ...outcome, quality: 1 }, DEFAULT_LEARNING);
    known = learn(others.fleet, known.agent, outcome, DEFAULT_LEARNING);
  }
  return { ...known, nowMs: 1 };
}

it("runs the score that was learned when it was shown, whatever is learned meanwhile", () => {
  const agentScore = { learn: true, serve: true, byIntent: false, halfLifeMs: 86_400_000, feedbackWaitMs: 0 };
  const { world, issue, run } = tokensIn({
    config: { ...CLASSIC, agentScore },
    state: { ...SERVED, history: historyOf(20) },
  });
  const { token, decision } = issue(requestWith({ agentScores: { combined: 5 } }));
  expect(decision.learned?.score).toBeGreaterThan(5.5);
  world.state = { ...SERVED, history: historyOf(500) };
  expect(withoutEstimates(run(token).decision)).toEqual(withoutEstimates(decision));
  world.config = CLASSIC;
  expect(refusalOf(() => run(token)).reason).toBe("DECISION_CONFIG_CHANGED");
});

/** All of a decision but what the messages add to it. */
function withoutEstimates(decision: Decision): Partial<Decision> {
  const { estimatedInputTokens: _, estimatedCostNanoUsd: __, ...rest } = decision;
  return rest;
}

const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });
const count = fc.nat(100_000);

const anyStep = fc
  .record({
    type: fc.constantFrom(...INTENTS, "unspecified" as const, "unknown" as const),
    prompt: fc.string({ maxLength: 300 }),
    paramsJson: fc.constantFrom("", '{"a":"{{ b }}"}'),
    inputDataBytes: count,
    switchCases: fc.nat(20),
    aggregations: fc.nat(6),
    mappedFields: fc.nat(8),
    hasConfiguration: fc.boolean(),
    measured: fc.record({ conditions: count, references: count }, { requiredKeys: [] }),
  })
  .map(stepWith);

const anyRequest: fc.Arbitrary<RoutingRequest> = fc
  .record({
    agentId: fc.string({ maxLength: 256 }),
    sessionId: fc.string({ unit: "grapheme", maxLength: 20 }),
    userTier: fc.string({ maxLength: 64 }),
    intent: fc.constantFrom(...INTENTS, "unspecified" as const, "unknown" as const),
    agentScores: fc.record(
      { creation: anyScore, execution: anyScore, combined: anyScore },
      { requiredKeys: [] },
    ),
    step: maybe(anyStep),
    budgetRemainingTokens: maybe(fc.integer({ min: 200, max: 40_000 })),
    previousFailures: fc.nat(5),
    constraints: fc.oneof(
      fc.constant({}),
      fc.record({ tier: fc.constantFrom(...TIERS) }),
      fc.record({ minimumTier: fc.constantFrom(...TIERS) }),
      fc.constant({ target: { provider: "openai", model: "gpt-4o" } }),
      fc.constant({ fallbacks: [{ provider: "openai", model: "gpt-4o" }] }),
    ),
  })
  .map((parts) =>
    requestWith(Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined))),
  );

const anyWarmth = fc
  .dictionary(
    fc.constantFrom("kimi/kimi-k2-0905-preview", "openai/gpt-4o-mini", "openai/gpt-4o"),
    fc.record({ tokens: fc.integer({ min: 1, max: 50_000 }), tier: fc.constantFrom(...TIERS) }),
  )
  .map((warm) => new Map(Object.entries(warm)));

const anyState: fc.Arbitrary<ProviderState> = fc.record({
  warm: anyWarmth,
  today: fc.constantFrom(WHEN_ALL_WERE_SERVED, "2026-11-23"),
  sandbox: fc.boolean(),
  providers: fc
    .subarray(["openai", "anthropic", "kimi"], { minLength: 1 })
    .map((keys) => providersWithKeys(...keys)),
  targets: fc
    .dictionary(
      fc.constantFrom("kimi/kimi-k2-0905-preview", "openai/gpt-4o-mini", "openai/gpt-4o"),
      fc.constantFrom("open" as const, "parked" as const, "half_open" as const),
    )
    .map(breakers),
});

describe("a decision token", () => {
  it("runs the decision it was issued for: all that was shown, whatever was asked and whatever the world was like", () => {
    fc.assert(
      fc.property(anyRequest, anyState, fc.constantFrom(CLASSIC, CURRENT), (request, state, config) => {
        const result = route(request, config, state);
        fc.pre(result.ok && result.decision.targets.some((target) => isClosed(target, state)));
        const { issue, run } = tokensIn({ state, config });
        const { token, decision } = issue(request);
        const resumed = run(token, { chat: chat("") });
        expect(resumed.decisionId).toBe("decision-1");
        expect(withoutEstimates(resumed.decision)).toEqual(withoutEstimates(decision));
      }),
      { numRuns: 500 },
    );
  });

  it("estimates the call anew, now that there are messages", () => {
    const { issue, run } = tokensIn();
    const { token, decision } = issue(requestWith({ agentScores: AGENT.balanced }));
    const resumed = run(token, { chat: chat("x".repeat(4_000)) }).decision;
    expect(decision.estimatedInputTokens).toBe(0);
    expect(resumed.estimatedInputTokens).toBe(1_000);
    expect(resumed.estimatedCostNanoUsd).toBeGreaterThan(decision.estimatedCostNanoUsd ?? 0n);
  });

  it("stays small: 400 characters for a usual step, 8 KiB for the longest names there may be", () => {
    const { issue } = tokensIn();
    const usual = requestWith({
      agentScores: AGENT.balanced,
      step: stepWith({ prompt: "Write it. ".repeat(500) }),
    });
    expect(issue(usual).token.length).toBeLessThan(400);
    const model = "\u{10ffff}".repeat(124);
    const world = stateWith({ providers: new Map([["own", { keyPresent: true, keyVariables: [] }]]) });
    const longest = requestWith({
      agentId: "\u{10ffff}".repeat(128),
      sessionId: "\u{10ffff}".repeat(128),
      userTier: "\u{10ffff}".repeat(32),
      step: stepWith(),
      constraints: { target: { provider: "own", model } },
    });
    expect(tokensIn({ state: world }).issue(longest).token.length).toBeLessThan(8 * 1024);
  });

  it("is not issued for the default that stands in when routing itself fails", () => {
    const { tokens } = tokensIn();
    const request = requestWith();
    const decision = defaultDecision(CLASSIC, SERVED, request);
    expect(tokens.issue(request, { decision, decisionId: "decision-1" })).toBe("");
  });

  it("keeps the order of its targets when a new decision would have another", () => {
    const kimiIsOpen = { ...SERVED, targets: breakers({ "kimi/kimi-k2-0905-preview": "open" }) };
    const { world, issue, run } = tokensIn({ state: kimiIsOpen });
    const request = requestWith({ agentScores: AGENT.balanced });
    const { token, decision } = issue(request);
    world.state = SERVED;
    expect(namesOf(run(token).decision)).toEqual(namesOf(decision));
    expect(namesOf(run(token).decision)).not.toEqual(namesOf(decisionOf(request, SERVED)));
  });

  it("passes over what cannot be called now, and says why", () => {
    const { world, issue, run } = tokensIn();
    const { token } = issue(requestWith({ agentScores: AGENT.balanced }));
    world.state = {
      ...SERVED,
      providers: providersWithKeys("openai", "kimi"),
      targets: breakers({ "kimi/kimi-k2-0905-preview": "open" }),
    };
    const { decision } = run(token);
    expect(namesOf(decision)).toEqual(["openai gpt-4o-mini"]);
    expect(decision.rejected.map(({ target, reason }) => `${target.provider}: ${reason}`)).toEqual([
      "kimi: breaker_open",
      "anthropic: no_key",
    ]);
  });

  it("passes over what cannot take the messages", () => {
    const { issue, run } = tokensIn();
    const { token } = issue(requestWith({ agentScores: AGENT.balanced }));
    const needs = { ...NO_NEEDS, images: true };
    expect(run(token, { needs }).decision.rejected).toMatchObject([
      { target: { provider: "kimi" }, reason: "images" },
    ]);
    const long = run(token, { chat: chat("x".repeat(4 * 180_000)) }).decision;
    expect(long.rejected.map(({ reason }) => reason)).toContain("context_window");
  });

  it("never runs the successor of a model that was retired after the decision", () => {
    const { world, issue, run } = tokensIn();
    const { token } = issue(requestWith({ agentScores: AGENT.balanced }));
    world.state = stateWith({ today: "2026-11-23" });
    const { decision } = run(token);
    const decided = ["kimi kimi-k2-0905-preview", "openai gpt-4o-mini", "anthropic claude-3-haiku-20240307"];
    expect(decided).toEqual(expect.arrayContaining([...namesOf(decision)]));
    expect(decision.rejected.some(({ reason }) => reason === "retired")).toBe(true);
  });

  it("adds the sampling that Route does not decide, and reports what a model cannot take of it", () => {
    const { issue, run } = tokensIn();
    const { token } = issue(requestWith({ agentScores: AGENT.fast }));
    const [first, second] = run(token, { sampling: { topP: 0.5, seed: 7, stop: ["END"] } }).decision.targets;
    expect(first).toMatchObject({ provider: "anthropic", temperature: 0.7, topP: 0.5, stop: ["END"] });
    expect(first.dropped.map(({ name }) => name)).toEqual(["seed"]);
    expect(second).toMatchObject({ provider: "openai", temperature: 0.7, seed: 7 });
  });

  it("counts the reasoning that comes with the messages, and reports where it does not go", () => {
    const { issue, run } = tokensIn();
    const { token } = issue(requestWith({ agentScores: AGENT.fast }));
    const reasoning = { texts: ["x".repeat(400)], hasUnsigned: true, hasEncrypted: false };
    const { decision } = run(token, { chat: { ...chat("Say hello"), reasoning } });
    expect(decision.estimatedInputTokens).toBe(Math.ceil((9 + 400) / 4));
    expect(decision.targets[0].dropped.map(({ name }) => name)).toContain("reasoning");
  });

  it("keeps to the budget that Route was given: less output, or none at all", () => {
    const { issue, run } = tokensIn();
    const { token, decision } = issue(requestWith({ agentScores: AGENT.fast, budgetRemainingTokens: 2_000 }));
    expect(decision.targets[0].maxOutputTokens).toBe(2_000);
    const cut = run(token, { chat: chat("x".repeat(4_000)) }).decision;
    expect(cut.targets[0].maxOutputTokens).toBe(1_000);
    expect(cut.causes.at(-1)).toMatchObject({
      kind: "output_cut",
      before: "fast",
      detail: "The budget leaves 1000 of 2000 output tokens",
    });
    const refused = refusalOf(() => run(token, { chat: chat("x".repeat(8_000)) }));
    expect(refused).toMatchObject({ code: "RESOURCE_EXHAUSTED", reason: "BUDGET_EXCEEDED" });
  });
});

const isClosed = ({ provider, model }: Decision["targets"][number], { targets }: ProviderState): boolean =>
  targets.get(`${provider}/${model}`)?.breaker !== "open";

it("runs what the calibrated scorer said of texts that are gone", () => {
  const config: RoutingConfig = { ...CLASSIC, scorer: "calibrated", shadowScorer: "classic" };
  const { world, issue, run } = tokensIn({ config, state: SERVED });
  const step = stepWith({
    prompt: "If each of 12 boxes holds 7 more than the last, how many are there? Prove it.",
  });
  const { token, decision } = issue(requestWith({ step, agentScores: { combined: 5 } }));
  expect(decision.calibrated?.contributions.length).toBeGreaterThan(1);
  expect(withoutEstimates(run(token).decision)).toEqual(withoutEstimates(decision));
  world.config = { ...config, calibration: { fastShare: 0.6, powerfulShare: 0.1 } };
  expect(refusalOf(() => run(token)).reason).toBe("DECISION_CONFIG_CHANGED");
});
