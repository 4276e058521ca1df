import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { costOf } from "../pricing/cost.ts";
import { route } from "./router.ts";
import {
  AGENT,
  breakers,
  CLASSIC,
  decisionOf,
  movesOf,
  NO_NEEDS,
  namesOf,
  requestWith,
  SANDBOX,
  stepWith,
} from "./test-support.ts";
import {
  type Decision,
  type ProviderState,
  type RoutingRequest,
  TIERS,
  type Tier,
  type WarmCache,
} from "./types.ts";

const KIMI = "kimi/kimi-k2-0905-preview";
const HAIKU = "anthropic/claude-3-haiku-20240307";
const SONNET = "anthropic/claude-3-5-sonnet-20241022";
const MINI = "openai/gpt-4o-mini";
const GPT_4O = "openai/gpt-4o";

type Call = Readonly<{ tier: Tier; inputTokens?: number; outputTokens?: number }>;

/** A call of one session whose score gives the tier. */
const callOf = (
  { tier, inputTokens = 20_500, outputTokens = 100 }: Call,
  parts: Partial<RoutingRequest> = {},
): RoutingRequest =>
  requestWith({
    sessionId: "session",
    agentScores: AGENT[tier],
    step: stepWith(),
    chat: { texts: ["x".repeat(inputTokens * 4)], attachmentBytes: 0 },
    sampling: { maxOutputTokens: outputTokens },
    ...parts,
  });

const warmWith = (warm: Readonly<Record<string, WarmCache>>, parts: Partial<ProviderState> = {}) => ({
  ...SANDBOX,
  warm: new Map(Object.entries(warm)),
  ...parts,
});

describe("a session whose prompt is cached one tier up", () => {
  const warmKimi = (tokens: number) => warmWith({ [KIMI]: { tokens, tier: "balanced" } });

  it("stays there when leaving costs more than it saves, and the decision shows the sum", () => {
    const decision = decisionOf(callOf({ tier: "fast" }), warmKimi(20_000));
    expect(decision.tier).toBe("balanced");
    expect(namesOf(decision)).toEqual([KIMI, HAIKU, MINI].map((name) => name.replace("/", " ")));
    expect(decision.cache).toEqual({
      target: { provider: "kimi", model: "kimi-k2-0905-preview" },
      warmTokens: 20_000,
      switchCostNanoUsd: 9_000_000n,
      savingNanoUsd: 6_275_000n,
      kept: true,
    });
    expect(decision.estimatedCostNanoUsd).toBe(3_550_000n);
    expect(movesOf(decision)).toEqual(["cache_affinity: fast -> balanced"]);
    expect(decision.causes.at(-1)?.detail).toBe(
      `${KIMI} has 20000 tokens of this session cached: leaving costs 9000000 nano-USD for them and saves 6275000 on the call`,
    );
    expect(decision.reason).toContain("then balanced to stay where the session is cached. Runs on kimi/");
  });

  it("leaves when that saves more, and the decision shows that too", () => {
    const decision = decisionOf(callOf({ tier: "fast" }), warmKimi(10_000));
    expect(decision.tier).toBe("fast");
    expect(decision.cache).toMatchObject({
      warmTokens: 10_000,
      switchCostNanoUsd: 4_500_000n,
      savingNanoUsd: 6_275_000n,
      kept: false,
    });
    expect(movesOf(decision)).toEqual([]);
  });

  it("leaves when it comes to the same", () => {
    const call = { tier: "fast", inputTokens: 9_000, outputTokens: 720 } as const;
    expect(decisionOf(callOf(call), warmKimi(8_000)).cache).toMatchObject({
      switchCostNanoUsd: 3_600_000n,
      savingNanoUsd: 3_600_000n,
      kept: false,
    });
    expect(decisionOf(callOf(call), warmKimi(8_001)).cache?.kept).toBe(true);
  });

  it("counts no more tokens as cached than the call has", () => {
    const call = callOf({ tier: "balanced", inputTokens: 1_000 });
    expect(decisionOf(call, warmKimi(50_000)).cache?.warmTokens).toBe(1_000);
  });

  it.each<readonly [string, Partial<RoutingRequest>, ProviderState]>([
    ["the caller asked for a tier", { constraints: { tier: "fast" } }, warmKimi(20_000)],
    [
      "the caller asked for a model",
      { constraints: { target: { provider: "openai", model: "gpt-4o-mini" } } },
      warmKimi(20_000),
    ],
    [
      "the caller named the fallbacks",
      { constraints: { fallbacks: [{ provider: "openai", model: "gpt-4o-mini" }] } },
      warmKimi(20_000),
    ],
    ["its breaker is open", {}, { ...warmKimi(20_000), targets: breakers({ [KIMI]: "open" }) }],
    ["it cannot take the request", { needs: { ...NO_NEEDS, images: true } }, warmKimi(20_000)],
    [
      "the session has been to a stronger tier only",
      {},
      warmWith({ [SONNET]: { tokens: 20_000, tier: "powerful" } }),
    ],
    ["it was called for a weaker tier only", {}, warmWith({ [KIMI]: { tokens: 20_000, tier: "fast" } })],
    ["nothing is cached", {}, SANDBOX],
    ["the request has no session", { sessionId: "" }, warmKimi(20_000)],
  ])("is left where %s", (_, parts, state) => {
    const decision = decisionOf(callOf({ tier: "fast" }, parts), state);
    expect(decision.tier).toBe("fast");
    expect(decision.cache).toBeUndefined();
    expect(namesOf(decision)).not.toContain(KIMI.replace("/", " "));
  });

  it("is left where a budget has lowered the tier", () => {
    const budget = { budgetRemainingTokens: 62_500, sampling: {} };
    const call = callOf({ tier: "balanced", inputTokens: 60_000 }, budget);
    expect(movesOf(decisionOf(call, warmKimi(60_000)))).toEqual(["budget: balanced -> fast"]);
    const unlimited = callOf({ tier: "fast", inputTokens: 60_000 }, { sampling: { maxOutputTokens: 2_500 } });
    expect(movesOf(decisionOf(unlimited, warmKimi(60_000)))).toEqual(["cache_affinity: fast -> balanced"]);
  });

  it("is left where the call is out of its tier already", () => {
    const warm = warmWith({ [SONNET]: { tokens: 20_000, tier: "powerful" } });
    const state = { ...warm, targets: breakers({ [HAIKU]: "open", [MINI]: "open" }) };
    expect(decisionOf(callOf({ tier: "fast" }), state).tier).toBe("balanced");
    expect(decisionOf(callOf({ tier: "balanced" }), warm).tier).toBe("powerful");
  });

  it("does not count a target of the tier's own as one of the next tier", () => {
    const powerful = { ...CLASSIC.tiers.powerful, maxOutputTokens: 100 };
    const state = warmWith({ [KIMI]: { tokens: 20_000, tier: "powerful" } });
    const call = callOf({ tier: "balanced" }, { sampling: {} });
    const decision = decisionOf(call, state, { ...CLASSIC, tiers: { ...CLASSIC.tiers, powerful } });
    expect(decision.tier).toBe("balanced");
    expect(new Set(namesOf(decision)).size).toBe(decision.targets.length);
  });

  it("is not weighed where a price is not known", () => {
    const own = { provider: "openai", model: "unlisted" };
    const tiers = { ...CLASSIC.tiers, fast: { ...CLASSIC.tiers.fast, targets: [own] } };
    const decision = decisionOf(callOf({ tier: "fast" }), warmKimi(20_000), { ...CLASSIC, tiers });
    expect(decision).toMatchObject({ tier: "fast", targets: [own] });
    expect(decision.cache).toBeUndefined();
  });
});

describe("a session whose prompt is cached in the tier itself", () => {
  it("stays at a fallback that served it, and comes back to the first choice from there", () => {
    const decision = decisionOf(
      callOf({ tier: "balanced" }),
      warmWith({ [MINI]: { tokens: 20_000, tier: "balanced" } }),
    );
    expect(namesOf(decision)).toEqual([MINI, KIMI, HAIKU].map((name) => name.replace("/", " ")));
    expect(decision.cache).toMatchObject({ kept: true, savingNanoUsd: -9_415_000n });
    expect(movesOf(decision)).toEqual(["cache_affinity: balanced -> balanced"]);
  });

  it("shows what the cache is worth at the first choice, where nothing is to be weighed", () => {
    const decision = decisionOf(
      callOf({ tier: "balanced" }),
      warmWith({ [KIMI]: { tokens: 20_000, tier: "balanced" } }),
    );
    expect(decision.cache).toMatchObject({ kept: true, switchCostNanoUsd: 9_000_000n, savingNanoUsd: 0n });
    expect(decision.estimatedCostNanoUsd).toBe(3_550_000n);
    expect(movesOf(decision)).toEqual([]);
  });

  it("is served as its steps deserve: a target known for weaker steps does not hold a stronger one", () => {
    const weaker = warmWith({
      [HAIKU]: { tokens: 20_000, tier: "fast" },
      [KIMI]: { tokens: 20_000, tier: "balanced" },
    });
    expect(namesOf(decisionOf(callOf({ tier: "powerful" }), weaker))[0]).toBe(SONNET.replace("/", " "));
    const onlyHaiku = warmWith({ [HAIKU]: { tokens: 20_000, tier: "fast" } });
    expect(namesOf(decisionOf(callOf({ tier: "balanced" }), onlyHaiku))[0]).toBe(KIMI.replace("/", " "));
  });

  it("takes the cheapest of several warm targets", () => {
    const decision = decisionOf(
      callOf({ tier: "powerful" }),
      warmWith({
        [SONNET]: { tokens: 20_000, tier: "powerful" },
        [GPT_4O]: { tokens: 5_000, tier: "powerful" },
        [KIMI]: { tokens: 20_000, tier: "powerful" },
      }),
    );
    expect(decision.cache).toMatchObject({ target: { provider: "kimi" }, kept: true });
  });

  it("is not held where the step has failed before", () => {
    const decision = decisionOf(
      callOf({ tier: "balanced" }, { previousFailures: 2 }),
      warmWith({ [KIMI]: { tokens: 20_000, tier: "powerful" } }),
    );
    expect(namesOf(decision)[0]).toBe(SONNET.replace("/", " "));
  });
});

describe("a session at Anthropic, which asks more for a write than for fresh input", () => {
  const firstCall = callOf({ tier: "fast", inputTokens: 10_000 });

  it("is estimated to write its whole prompt with the first call", () => {
    expect(decisionOf(firstCall, SANDBOX).estimatedCostNanoUsd).toBe(10_000n * 300n + 100n * 1_250n);
  });

  it("writes nothing outside a session, and nothing where the cache is off", () => {
    const fresh = 10_000n * 250n + 100n * 1_250n;
    expect(decisionOf({ ...firstCall, sessionId: "" }, SANDBOX).estimatedCostNanoUsd).toBe(fresh);
    const off = { ...CLASSIC, promptCache: "off" } as const;
    expect(decisionOf(firstCall, SANDBOX, off).estimatedCostNanoUsd).toBe(fresh);
  });

  it("is warm from its first call on, and stays where it is", () => {
    const warm = warmWith({ [HAIKU]: { tokens: 9_000, tier: "balanced" } });
    const decision = decisionOf(callOf({ tier: "balanced", inputTokens: 10_000 }), warm);
    expect(namesOf(decision)[0]).toBe(HAIKU.replace("/", " "));
    expect(decision.cache).toMatchObject({ kept: true, switchCostNanoUsd: 9_000n * (250n - 30n) });
    expect(decision.estimatedCostNanoUsd).toBe(9_000n * 30n + 1_000n * 300n + 100n * 1_250n);
  });
});

const anyWarm = fc
  .dictionary(
    fc.constantFrom(KIMI, HAIKU, SONNET, MINI, GPT_4O),
    fc.record({ tokens: fc.integer({ min: 1, max: 60_000 }), tier: fc.constantFrom(...TIERS) }),
  )
  .map((warm) => ({ ...SANDBOX, warm: new Map(Object.entries(warm)) }));

const anyRequest = fc
  .record({
    tier: fc.constantFrom(...TIERS),
    inputTokens: fc.integer({ min: 1, max: 50_000 }),
    outputTokens: fc.option(fc.integer({ min: 64, max: 4_000 }), { nil: undefined }),
    asked: fc.option(fc.constantFrom(...TIERS), { nil: undefined }),
    least: fc.option(fc.constantFrom(...TIERS), { nil: undefined }),
    previousFailures: fc.nat(4),
    budget: fc.option(fc.integer({ min: 60_000, max: 70_000 }), { nil: undefined }),
  })
  .map(({ tier, inputTokens, outputTokens, asked, least, previousFailures, budget }) =>
    callOf(
      { tier, inputTokens },
      {
        constraints: asked === undefined ? { minimumTier: least } : { tier: asked },
        previousFailures,
        budgetRemainingTokens: budget,
        sampling: { maxOutputTokens: outputTokens },
      },
    ),
  );

/** What a call costs at a target of a decision, by the state's own account of what is cached there. */
function costAt(
  { targets, estimatedInputTokens }: Decision,
  position: number,
  { warm, today }: ProviderState,
): bigint {
  const target = targets[position];
  if (target === undefined) throw new Error("no such target");
  const { provider, model, maxOutputTokens } = target;
  const cached = Math.min(warm?.get(`${provider}/${model}`)?.tokens ?? 0, estimatedInputTokens);
  return costOf(CLASSIC.catalogue.findModel(provider, model), today, {
    freshInputTokens: 0,
    cachedInputTokens: cached,
    cacheWriteTokens: estimatedInputTokens - cached, // these are calls of a session
    outputTokens: maxOutputTokens,
  }).costNanoUsd;
}

describe("whatever is cached,", () => {
  const weighed = (
    check: (decision: Decision, without: Decision, state: ProviderState, request: RoutingRequest) => void,
  ) =>
    fc.assert(
      fc.property(anyRequest, anyWarm, (request, state) => {
        check(decisionOf(request, state), decisionOf(request, SANDBOX), state, request);
      }),
      { numRuns: 500 },
    );

  it("staying is never dearer than leaving, switch cost and call taken together", () => {
    weighed((decision, without, state) => {
      const leaving = costAt(without, 0, state);
      expect(decision.estimatedCostNanoUsd).toBe(costAt(decision, 0, state));
      expect((decision.estimatedCostNanoUsd ?? 0n) <= leaving).toBe(true);
      const { cache } = decision;
      if (cache !== undefined && cache.savingNanoUsd !== 0n) {
        expect(cache.kept).toBe(cache.switchCostNanoUsd > cache.savingNanoUsd);
      }
    });
  });

  it("a step is served in its tier or the next one up, and never against what the caller asked for", () => {
    weighed((decision, without, _, { constraints, previousFailures }) => {
      const rise = TIERS.indexOf(decision.tier) - TIERS.indexOf(without.tier);
      expect([0, 1]).toContain(rise);
      const isHeld = constraints.tier !== undefined || previousFailures >= CLASSIC.failureLimit;
      const wasLowered = without.causes.some(({ kind }) => kind === "budget");
      if (isHeld || wasLowered) expect(rise).toBe(0);
    });
  });

  it("no target is lost, and only a warm one goes to the front", () => {
    weighed((decision, without, state) => {
      const [first, ...rest] = namesOf(decision);
      const others = namesOf(without).filter((name) => name !== first);
      expect(rest).toEqual(others);
      if (first !== namesOf(without)[0]) expect(state.warm?.has(first?.replace(" ", "/") ?? "")).toBe(true);
    });
  });

  it("a request without a session is decided as if nothing were", () => {
    fc.assert(
      fc.property(anyRequest, anyWarm, (request, state) => {
        const alone = { ...request, sessionId: "" };
        expect(route(alone, CLASSIC, state)).toEqual(route(alone, CLASSIC, SANDBOX));
      }),
    );
  });

  it("the same request in the same state is decided the same, and neither is changed", () => {
    fc.assert(
      fc.property(anyRequest, anyWarm, (request, state) => {
        const before = structuredClone({ request, state });
        expect(route(request, CLASSIC, state)).toEqual(route(request, CLASSIC, state));
        expect({ request, state }).toEqual(before);
      }),
    );
  });
});
