import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defaultDecision, route } from "./router.ts";
import {
  anyScore,
  breakers,
  CLASSIC,
  CURRENT,
  decisionOf,
  movesOf,
  NO_NEEDS,
  providersWithKeys,
  requestWith,
  SANDBOX,
  stateWith,
  stepWith,
} from "./test-support.ts";
import { INTENTS, type RoutingRequest, type StepType, TIERS, type Tier } from "./types.ts";

const anyTier = fc.constantFrom<Tier>(...TIERS);
const anyCount = fc.nat(70_000);
const anyType = fc.constantFrom<StepType>(...INTENTS, "unspecified", "unknown");
const anyText = fc
  .array(fc.constantFrom("If", "{{ x }}", "é😀", "plain words", "unless"))
  .map((words) => words.join(" "));

const anyTarget = fc.constantFrom(
  { provider: "openai", model: "gpt-4o-mini" },
  { provider: "kimi", model: "kimi-k2-0905-preview" },
  { provider: "anthropic", model: "claude-opus-5-5" },
);
const anyNeeds = fc.oneof(
  { weight: 3, arbitrary: fc.constant(NO_NEEDS) },
  fc.record({
    tools: fc.boolean(),
    forcedTools: fc.boolean(),
    images: fc.boolean(),
    jsonObject: fc.boolean(),
    jsonSchema: fc.boolean(),
  }),
);

const anyRequest: fc.Arbitrary<RoutingRequest> = fc
  .record(
    {
      intent: anyType,
      agentScores: fc.record(
        { creation: anyScore, execution: anyScore, combined: anyScore },
        { requiredKeys: [] },
      ),
      step: fc
        .record({ type: anyType, prompt: anyText, inputDataBytes: anyCount, switchCases: fc.nat(12) })
        .map(stepWith),
      chat: fc.record({ texts: fc.array(anyText), attachmentBytes: anyCount }),
      previousFailures: fc.nat(5),
      budgetRemainingTokens: fc.nat(20_000),
      constraints: fc.record(
        { tier: anyTier, minimumTier: anyTier, target: anyTarget },
        { requiredKeys: [] },
      ),
      needs: anyNeeds,
      sampling: fc.record(
        {
          temperature: fc.double({ min: 0, max: 2, noNaN: true }),
          maxOutputTokens: fc.integer({ min: 1, max: 300_000 }),
          seed: fc.nat(),
        },
        { requiredKeys: [] },
      ),
    },
    { requiredKeys: [] },
  )
  .map(requestWith);

const anyConfig = fc.constantFrom(CLASSIC, CURRENT);
const anyState = fc
  .record({
    sandbox: fc.boolean(),
    providers: fc.subarray(["openai", "anthropic", "kimi"]).map((keys) => providersWithKeys(...keys)),
    targets: fc
      .dictionary(
        fc.constantFrom("openai/gpt-4o-mini", "kimi/kimi-k2.6", "anthropic/claude-haiku-5-5"),
        fc.constantFrom("closed", "open", "half_open", "parked"),
      )
      .map(breakers),
  })
  .map(stateWith);

function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  if (!ArrayBuffer.isView(value)) Object.freeze(value);
  for (const part of value instanceof Map ? value.values() : Object.values(value)) deepFreeze(part);
  return value;
}

describe("a decision", () => {
  it("is the same for the same request, configuration and state, and leaves all three alone", () => {
    fc.assert(
      fc.property(anyRequest, anyConfig, anyState, (request, config, state) => {
        const copy = structuredClone({ request, state });
        const first = route(deepFreeze(request), deepFreeze(config), deepFreeze(state));
        expect(route(request, config, state)).toEqual(first);
        expect({ request, state }).toEqual(copy);
      }),
    );
  });

  it("explains itself in one line with its own numbers", () => {
    fc.assert(
      fc.property(anyRequest, anyConfig, anyState, (request, config, state) => {
        const result = route(request, config, state);
        if (!result.ok) return;
        const { decision } = result;
        const { reason } = decision;
        expect(reason).not.toContain("\n");
        expect(Number(/^E (\S+) =/.exec(reason)?.[1])).toBe(decision.effectiveScore);
        const [, agent = ""] = / A (\S+?)[ ,:]/.exec(reason) ?? [];
        expect(Math.abs(Number(agent) - decision.agentScore)).toBeLessThanOrEqual(5e-7 + 1e-12);
        const [, step = "none"] = / S (\S+):/.exec(reason) ?? [];
        expect(step === "none").toBe(decision.stepScore === undefined);
        if (decision.stepScore !== undefined)
          expect(Math.abs(Number(step) - decision.stepScore)).toBeLessThanOrEqual(5e-7 + 1e-12);
        for (const score of [agent, step]) expect(score).not.toMatch(/\.\d{7}/);
        const [chosen, ...fallbacks] = decision.targets;
        expect(reason).toContain(
          `Runs on ${chosen.provider}/${chosen.model} with up to ${chosen.maxOutputTokens} output`,
        );
        expect(reason).toContain(`${fallbacks.length} fallback`);
      }),
    );
  });

  it("tells the way to its tier: a score first, then moves that follow on each other", () => {
    fc.assert(
      fc.property(anyRequest, anyConfig, anyState, (request, config, state) => {
        const result = route(request, config, state);
        if (!result.ok) return;
        const { causes, tier, targets } = result.decision;
        expect(causes[0]).toMatchObject({ kind: "score" });
        expect(causes[0]?.before).toBeUndefined();
        expect(causes.slice(1).map(({ before }) => before)).toEqual(
          causes.slice(0, -1).map(({ after }) => after),
        );
        expect(causes.at(-1)?.after).toBe(tier);
        expect(targets[0].tier).toBe(tier);
      }),
    );
  });

  it("never sends a model what its catalogue entry refuses, and reports what it left out", () => {
    fc.assert(
      fc.property(anyRequest, anyConfig, anyState, (request, config, state) => {
        const result = route(request, config, state);
        if (!result.ok) return;
        for (const target of result.decision.targets) {
          const model = config.catalogue.findModel(target.provider, target.model);
          expect(target.maxOutputTokens).toBeLessThanOrEqual(model?.maxOutputTokens ?? 0);
          const asked = request.sampling.temperature ?? config.tiers[target.tier].temperature;
          const isDropped = target.dropped.some(({ name }) => name === "temperature");
          expect(target.temperature).toBe(isDropped ? undefined : asked);
          if (model?.parameters.temperature === false) expect(target.temperature).toBeUndefined();
        }
      }),
    );
  });

  it("carries the configuration and the scorer it was made by", () => {
    const decision = decisionOf(requestWith(), stateWith(), { ...CURRENT, version: 7 });
    expect(decision).toMatchObject({
      configVersion: 7,
      preset: "current",
      scorer: { name: "classic", version: "1" },
      sandbox: false,
    });
    expect(decisionOf(requestWith()).sandbox).toBe(true);
  });

  it("prints no noise of the floats, and keeps the number as the caller gave it", () => {
    const combined = 0.4 * 0 + 0.6 * 9;
    const decision = decisionOf(requestWith({ agentScores: { combined } }));
    expect(decision.agentScore).toBe(5.3999999999999995);
    expect(decision.reason).toContain("E 5.4 = A 5.4, no step: balanced (3 to 6.5).");
  });

  it("reads like this", () => {
    expect(
      decisionOf(requestWith({ step: stepWith({ prompt: "{{a}}{{b}}{{c}}".padEnd(320) }) })).reason,
    ).toBe(
      "E 5.18 = 0.6 x A 5 (cold start) + 0.4 x S 5.45: balanced (3 to 6.5). " +
        "Runs on kimi/kimi-k2-0905-preview with up to 4096 output tokens; 2 fallbacks.",
    );
    const moved = requestWith({
      agentScores: { combined: 9 },
      budgetRemainingTokens: 2100,
      previousFailures: 2,
    });
    expect(decisionOf(moved).reason).toBe(
      "E 9 = A 9, no step: powerful (above 6.5), then fast to fit the budget. " +
        "Runs on anthropic/claude-3-haiku-20240307 with up to 2048 output tokens; 1 fallback.",
    );
  });
});

describe("what is scored", () => {
  const chat = { texts: ["Summarise {{ report }} if it is long"], attachmentBytes: 2000 };

  it("is the agent alone without a step and without messages", () => {
    const decision = decisionOf(requestWith({ agentScores: { combined: 2 } }));
    expect(decision).toMatchObject({ effectiveScore: 2, factors: [] });
    expect(decision.weightSet).toBeUndefined();
  });

  it("is the messages where there is no step, with the intent as the step's type", () => {
    const decision = decisionOf(requestWith({ intent: "summarize", chat }));
    expect(decision).toMatchObject({ stepType: "summarize", weightSet: "other" });
    expect(decision.factors.map(({ measurement }) => measurement)).toEqual([
      36,
      2036,
      1,
      1,
      undefined,
      undefined,
    ]);
  });

  it("is the step where there are both; the tokens are those of the messages", () => {
    const decision = decisionOf(
      requestWith({ step: stepWith({ type: "send", prompt: "x".repeat(999) }), chat }),
    );
    expect(decision.factors[0]?.measurement).toBe(999);
    expect(decision.stepType).toBe("send");
    expect(decision.estimatedInputTokens).toBe(9);
  });

  it("goes by the intent where the step does not say its type", () => {
    const typeOf = (step: StepType, intent: StepType) =>
      decisionOf(requestWith({ step: stepWith({ type: step }), intent })).stepType;
    expect(typeOf("unspecified", "extract")).toBe("extract");
    expect(typeOf("filter", "extract")).toBe("filter");
    expect(typeOf("unspecified", "unspecified")).toBe("unspecified");
  });

  it("says when an intent is unknown and when the agent has no score", () => {
    expect(movesOf(decisionOf(requestWith({ intent: "unknown" })))).toEqual([
      "unknown_intent: balanced -> balanced",
      "cold_start: balanced -> balanced",
    ]);
    const known = requestWith({ intent: "unspecified", agentScores: { execution: 4 } });
    expect(movesOf(decisionOf(known))).toEqual([]);
  });

  it("gives no lower E when a number of the request rises", () => {
    const numbers = fc.record({
      agent: anyScore,
      prompt: anyCount,
      data: anyCount,
      conditions: fc.nat(20),
      references: fc.nat(20),
    });
    fc.assert(
      fc.property(anyType, numbers, numbers, (type, one, other) => {
        const effective = (pick: (a: number, b: number) => number): number =>
          decisionOf(
            requestWith({
              agentScores: { combined: pick(one.agent, other.agent) },
              step: stepWith({
                type,
                measured: {
                  promptCharacters: pick(one.prompt, other.prompt),
                  dataBytes: pick(one.data, other.data),
                  conditions: pick(one.conditions, other.conditions),
                  references: pick(one.references, other.references),
                },
              }),
            }),
          ).effectiveScore;
        expect(effective(Math.max)).toBeGreaterThanOrEqual(effective(Math.min));
      }),
    );
  });
});

describe("estimates", () => {
  it("take four characters for a token, rounded up", () => {
    const tokensOf = (text: string) =>
      decisionOf(requestWith({ chat: { texts: [text], attachmentBytes: 0 } })).estimatedInputTokens;
    expect(["", "a", "abcd", "abcde", "😀😀😀😀"].map(tokensOf)).toEqual([0, 1, 1, 2, 1]);
    expect(decisionOf(requestWith()).tokenEstimate).toBe("characters_per_token");
  });

  it("price the call at the chosen target, in nano-USD", () => {
    const chat = { texts: ["x".repeat(4000)], attachmentBytes: 0 };
    const decision = decisionOf(requestWith({ chat, agentScores: { combined: 0 }, intent: "send" }));
    expect(decision.targets[0].model).toBe("claude-3-haiku-20240307");
    // 1,000 tokens at $0.25 and 2,048 at $1.25 per million.
    expect(decision.estimatedCostNanoUsd).toBe(250_000n + 2_560_000n);
    expect(decision.estimatedOutputTokens).toBe(2048);
  });

  it("are silent about a price that nobody knows", () => {
    const providers = new Map([["vllm", { keyPresent: true, keyVariables: [] }]]);
    const constraints = { target: { provider: "vllm", model: "m" } };
    const { estimatedCostNanoUsd } = decisionOf(requestWith({ constraints }), stateWith({ providers }));
    expect(estimatedCostNanoUsd).toBeUndefined();
  });

  it("take the latency that was measured once there are 20 calls, the configured one before", () => {
    const latencyOf = (calls: number) => {
      const targets = new Map([
        ["kimi/kimi-k2-0905-preview", { breaker: "closed" as const, calls, latencyP50Ms: 777 }],
      ]);
      const { estimatedLatencyMs, latencySource } = decisionOf(requestWith(), { ...SANDBOX, targets });
      return [estimatedLatencyMs, latencySource];
    };
    expect(latencyOf(20)).toEqual([777, "measured"]);
    expect(latencyOf(19)).toEqual([CLASSIC.assumedLatencyMs.balanced, "configured"]);
  });
});

describe("the decision when routing itself fails", () => {
  it("is the default target of balanced, and says what happened", () => {
    const decision = defaultDecision(
      CLASSIC,
      SANDBOX,
      requestWith({ intent: "send", sampling: { maxOutputTokens: 50 } }),
    );
    expect(decision).toMatchObject({
      tier: "balanced",
      reason: "Default routing (error fallback)",
      causes: [{ kind: "router_error", after: "balanced" }],
      factors: [],
      rejected: [],
    });
    expect(decision.targets[0]).toMatchObject({
      provider: "kimi",
      model: "kimi-k2-0905-preview",
      maxOutputTokens: 50,
    });
  });

  it("needs neither scores nor providers that make sense", () => {
    const request = requestWith({ agentScores: { combined: Number.NaN } });
    expect(() => route(request, CLASSIC, SANDBOX)).toThrow(RangeError);
    const decision = defaultDecision(CLASSIC, stateWith({ providers: new Map() }), request);
    expect(decision.targets.map(({ model }) => model)).toEqual([
      "kimi-k2.6",
      "gpt-4o-mini",
      "claude-haiku-5-5",
    ]);
  });
});
