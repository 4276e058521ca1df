import { describe, expect, it } from "vitest";
import {
  AGENT,
  CLASSIC,
  decisionOf,
  failureOf,
  movesOf,
  namesOf,
  providersWithKeys,
  requestWith,
  SANDBOX,
  stateWith,
  WHEN_ALL_WERE_SERVED,
} from "./test-support.ts";
import type { RoutingConfig } from "./types.ts";

describe("a model the caller asks for", () => {
  const haiku = { provider: "anthropic", model: "claude-3-haiku-20240307" };

  it("comes first, under the first tier that lists it, with the decided tier's targets behind it", () => {
    const decision = decisionOf(requestWith({ agentScores: AGENT.powerful, constraints: { target: haiku } }));
    expect(decision.tier).toBe("fast");
    expect(decision.targets.map(({ model, tier }) => [model, tier])).toEqual([
      ["claude-3-haiku-20240307", "fast"],
      ["claude-3-5-sonnet-20241022", "powerful"],
      ["gpt-4o", "powerful"],
      ["kimi-k2-0905-preview", "powerful"],
    ]);
    expect(movesOf(decision)).toEqual(["constraint: powerful -> fast"]);
    expect(decision.targets[0].maxOutputTokens).toBe(2048);
  });

  it("is not repeated among its fallbacks", () => {
    const decision = decisionOf(requestWith({ agentScores: AGENT.fast, constraints: { target: haiku } }));
    expect(namesOf(decision)).toEqual(["anthropic claude-3-haiku-20240307", "openai gpt-4o-mini"]);
  });

  it("runs under the decided tier when no tier lists it", () => {
    const target = { provider: "openai", model: "gpt-5.4-mini" };
    const decision = decisionOf(requestWith({ agentScores: AGENT.powerful, constraints: { target } }));
    expect(decision.tier).toBe("powerful");
    expect(namesOf(decision)[0]).toBe("openai gpt-5.4-mini");
  });

  it("gives way to its fallbacks when it cannot be called, and the cause says why", () => {
    const providers = providersWithKeys("kimi");
    const decision = decisionOf(
      requestWith({ agentScores: AGENT.balanced, constraints: { target: haiku } }),
      stateWith({ today: WHEN_ALL_WERE_SERVED, providers }),
    );
    expect(namesOf(decision)).toEqual(["kimi kimi-k2-0905-preview"]);
    expect(movesOf(decision)).toEqual(["constraint: balanced -> balanced"]);
    expect(decision.causes.at(-1)?.detail).toBe(
      "The caller asked for anthropic/claude-3-haiku-20240307, which is passed over: Anthropic has no key: set ANTHROPIC_API_KEY",
    );
  });

  it("is passed over once, also when its fallbacks are in another tier", () => {
    const decision = decisionOf(
      requestWith({ agentScores: AGENT.fast, constraints: { target: haiku } }),
      stateWith({ today: WHEN_ALL_WERE_SERVED, providers: providersWithKeys("kimi") }),
    );
    expect(namesOf(decision)).toEqual(["kimi kimi-k2-0905-preview"]);
    expect(movesOf(decision)).toEqual(["constraint: fast -> fast", "availability: fast -> balanced"]);
    expect(decision.rejected.map(({ tier, target }) => `${tier} ${target.model}`)).toEqual([
      "fast claude-3-haiku-20240307",
      "fast gpt-4o-mini",
      "balanced gpt-4o-mini",
      "balanced claude-3-haiku-20240307",
    ]);
  });

  it.each([[{ provider: "mistral", model: "large" }], [{ provider: "openai", model: "gpt-99" }]])(
    "is unknown when nobody lists it: %j",
    (target) => {
      expect(failureOf(requestWith({ constraints: { target } }))).toEqual({ kind: "unknown_model", target });
    },
  );

  it("may be any of a custom provider, or one that only a tier lists", () => {
    const providers = new Map([...SANDBOX.providers, ["vllm", { keyPresent: true, keyVariables: [] }]]);
    const custom = { provider: "vllm", model: "anything" };
    const state = { ...SANDBOX, providers };
    expect(namesOf(decisionOf(requestWith({ constraints: { target: custom } }), state))[0]).toBe(
      "vllm anything",
    );

    const listed = { provider: "openai", model: "gpt-99" };
    const fast = { ...CLASSIC.tiers.fast, targets: [listed] };
    const config = { ...CLASSIC, tiers: { ...CLASSIC.tiers, fast } };
    const decision = decisionOf(requestWith({ constraints: { target: listed } }), SANDBOX, config);
    expect(decision).toMatchObject({ tier: "fast", targets: [listed, {}, {}, {}] });
  });

  it("does not undercut a minimum tier's settings", () => {
    const constraints = { target: haiku, minimumTier: "balanced" } as const;
    const decision = decisionOf(requestWith({ agentScores: AGENT.fast, constraints }));
    expect(decision.tier).toBe("balanced");
    expect(decision.targets[0]).toMatchObject({ ...haiku, maxOutputTokens: 4096 });
  });
});

describe("a retired model", () => {
  const now = stateWith();

  it("is replaced by its successor, and the cause names both", () => {
    const decision = decisionOf(requestWith({ agentScores: AGENT.balanced }), now);
    expect(namesOf(decision)).toEqual(["kimi kimi-k2.6", "openai gpt-4o-mini", "anthropic claude-haiku-5-5"]);
    expect(
      decision.causes.filter(({ kind }) => kind === "model_retired").map(({ detail }) => detail),
    ).toEqual([
      "kimi-k2-0905-preview is retired since 2026-05-25; kimi-k2.6 takes its place",
      "claude-3-haiku-20240307 is retired since 2026-04-20; claude-haiku-5-5 takes its place",
    ]);
  });

  it("is replaced from its last day on, not before", () => {
    const nameOn = (today: string) =>
      namesOf(decisionOf(requestWith({ agentScores: AGENT.balanced }), stateWith({ today })))[0];
    expect(nameOn("2026-05-24")).toBe("kimi kimi-k2-0905-preview");
    expect(nameOn("2026-05-25")).toBe("kimi kimi-k2.6");
  });

  it("is tried where the configuration or the sandbox says so", () => {
    const tried = decisionOf(requestWith({ agentScores: AGENT.fast }), now, {
      ...CLASSIC,
      retiredModels: "try",
    });
    expect(namesOf(tried)[0]).toBe("anthropic claude-3-haiku-20240307");
    const skipped: RoutingConfig = { ...CLASSIC, retiredModels: "skip" };
    expect(namesOf(decisionOf(requestWith({ agentScores: AGENT.fast }), SANDBOX, skipped))[0]).toBe(
      "anthropic claude-3-haiku-20240307",
    );
  });

  it("is skipped with its date where the configuration says so", () => {
    const decision = decisionOf(requestWith({ agentScores: AGENT.fast }), now, {
      ...CLASSIC,
      retiredModels: "skip",
    });
    expect(namesOf(decision)).toEqual(["openai gpt-4o-mini"]);
    expect(decision.rejected).toMatchObject([{ reason: "retired", tier: "fast" }]);
    expect(decision.rejected[0]?.detail).toContain("2026-04-20");
  });

  it("asked for by name is replaced too", () => {
    const target = { provider: "kimi", model: "kimi-k2-0905-preview" };
    const decision = decisionOf(requestWith({ agentScores: AGENT.fast, constraints: { target } }), now);
    expect(namesOf(decision)).toEqual(["kimi kimi-k2.6", "anthropic claude-haiku-5-5", "openai gpt-4o-mini"]);
    expect(movesOf(decision)).toEqual([
      "constraint: fast -> balanced",
      "model_retired: balanced -> balanced",
      "model_retired: balanced -> balanced",
    ]);
  });
});
