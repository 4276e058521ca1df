import { describe, expect, it } from "vitest";
import {
  AGENT,
  breakers,
  CLASSIC,
  CURRENT,
  decisionOf,
  failureOf,
  movesOf,
  NO_NEEDS,
  namesOf,
  providersWithKeys,
  requestWith,
  stateWith,
  WHEN_ALL_WERE_SERVED,
} from "./test-support.ts";
import type { RoutingConfig } from "./types.ts";

const served = stateWith({ today: WHEN_ALL_WERE_SERVED });

describe("what a target cannot take", () => {
  const images = { ...NO_NEEDS, images: true };

  it("has it skipped with the reason", () => {
    const decision = decisionOf(requestWith({ needs: images }), served);
    expect(namesOf(decision)).toEqual(["openai gpt-4o-mini", "anthropic claude-3-haiku-20240307"]);
    expect(decision.rejected).toEqual([
      {
        target: { provider: "kimi", model: "kimi-k2-0905-preview" },
        tier: "balanced",
        reason: "images",
        detail: "kimi-k2-0905-preview takes no images",
      },
    ]);
    expect(decision.tier).toBe("balanced");
  });

  it.each([
    ["tools", "openai gpt-6.1-sol", CURRENT],
    ["forcedTools", "kimi kimi-k2.6", CURRENT],
    ["images", "kimi kimi-k2-0905-preview", CLASSIC],
    ["jsonObject", "anthropic claude-3-haiku-20240307", CLASSIC],
    ["jsonSchema", "anthropic claude-3-haiku-20240307", CLASSIC],
  ] as const)("%s: %s is passed over", (need, name, config) => {
    const state = stateWith({ sandbox: true });
    const agentScores = name.endsWith("sol") ? AGENT.powerful : AGENT.balanced;
    const request = requestWith({ agentScores, needs: { ...NO_NEEDS, [need]: true } });
    const { rejected } = decisionOf(request, state, config);
    expect(rejected.map(({ target }) => `${target.provider} ${target.model}`)).toContain(name);
  });

  it("includes input and output that do not fit its window together", () => {
    const text = { texts: ["x".repeat(4 * 126_000)], attachmentBytes: 0 };
    const decision = decisionOf(requestWith({ chat: text, intent: "send", agentScores: AGENT.fast }), served);
    expect(decision.estimatedInputTokens).toBe(126_000);
    expect(namesOf(decision)).toEqual(["anthropic claude-3-haiku-20240307"]);
    expect(decision.rejected).toMatchObject([{ reason: "context_window", tier: "fast" }]);
    expect(decision.rejected[0]?.detail).toContain("128000");
    expect(decision.rejected[0]?.detail).toContain("128048");

    const fitting = { texts: ["x".repeat(4 * 125_952)], attachmentBytes: 0 };
    const request = requestWith({ chat: fitting, intent: "send", agentScores: AGENT.fast });
    expect(decisionOf(request, served).rejected).toEqual([]);
  });

  it("sends the request a tier up when no target of its own can take it", () => {
    const config: RoutingConfig = {
      ...CLASSIC,
      tiers: {
        ...CLASSIC.tiers,
        balanced: {
          ...CLASSIC.tiers.balanced,
          targets: [{ provider: "kimi", model: "kimi-k2-0905-preview" }],
        },
      },
    };
    const decision = decisionOf(requestWith({ needs: images, agentScores: AGENT.balanced }), served, config);
    expect(decision.tier).toBe("powerful");
    expect(movesOf(decision)).toEqual(["capability: balanced -> powerful"]);
  });

  it("sends it down when there is nothing above", () => {
    const config: RoutingConfig = {
      ...CLASSIC,
      tiers: {
        ...CLASSIC.tiers,
        powerful: {
          ...CLASSIC.tiers.powerful,
          targets: [{ provider: "kimi", model: "kimi-k2-0905-preview" }],
        },
      },
    };
    const decision = decisionOf(requestWith({ needs: images, agentScores: AGENT.powerful }), served, config);
    expect(movesOf(decision)).toEqual(["capability: powerful -> balanced"]);
    expect(decision.targets[0].maxOutputTokens).toBe(4096);
  });

  it("fails, with every reason, when nothing can take it", () => {
    const text = { texts: ["x".repeat(4 * 2_000_000)], attachmentBytes: 0 };
    const failure = failureOf(requestWith({ chat: text }), served);
    expect(failure).toMatchObject({ kind: "no_usable_target", missingVariables: [] });
    const rejected = failure.kind === "no_usable_target" ? failure.rejected : [];
    expect(rejected).toHaveLength(8);
    expect(new Set(rejected.map(({ reason }) => reason))).toEqual(new Set(["context_window"]));
  });
});

describe("a target that cannot be called now", () => {
  it("is skipped when its provider has no key, with the variable to set", () => {
    const decision = decisionOf(
      requestWith({ agentScores: AGENT.balanced }),
      stateWith({ today: WHEN_ALL_WERE_SERVED, providers: providersWithKeys("openai", "anthropic") }),
    );
    expect(namesOf(decision)[0]).toBe("openai gpt-4o-mini");
    expect(decision.rejected).toEqual([
      {
        target: { provider: "kimi", model: "kimi-k2-0905-preview" },
        tier: "balanced",
        reason: "no_key",
        detail: "Kimi has no key: set KIMI_API_KEY",
      },
    ]);
  });

  it("needs no key in the sandbox, nor when its provider takes none", () => {
    expect(decisionOf(requestWith()).rejected).toEqual([]);
    const providers = new Map([["ollama", { keyPresent: false, keyVariables: [] }]]);
    const constraints = { target: { provider: "ollama", model: "llama" } };
    expect(namesOf(decisionOf(requestWith({ constraints }), stateWith({ providers })))).toEqual([
      "ollama llama",
    ]);
  });

  it.each([
    ["open", "breaker_open"],
    ["parked", "parked"],
  ] as const)("is skipped while it is %s", (breaker, reason) => {
    const state = stateWith({ sandbox: true, targets: breakers({ "kimi/kimi-k2-0905-preview": breaker }) });
    const decision = decisionOf(requestWith({ agentScores: AGENT.balanced }), state);
    expect(namesOf(decision)).toEqual(["openai gpt-4o-mini", "anthropic claude-3-haiku-20240307"]);
    expect(decision.rejected).toMatchObject([{ reason }]);
  });

  it.each(["closed", "half_open"] as const)("is not skipped while its breaker is %s", (breaker) => {
    const state = stateWith({ sandbox: true, targets: breakers({ "kimi/kimi-k2-0905-preview": breaker }) });
    expect(namesOf(decisionOf(requestWith(), state))[0]).toBe("kimi kimi-k2-0905-preview");
  });

  it("is skipped when no such provider is configured", () => {
    const providers = new Map([["openai", { keyPresent: true, keyVariables: ["OPENAI_API_KEY"] }]]);
    const decision = decisionOf(requestWith(), stateWith({ providers }));
    expect(namesOf(decision)).toEqual(["openai gpt-4o-mini"]);
    expect(decision.rejected.map(({ reason }) => reason)).toEqual(["unknown_provider", "unknown_provider"]);
  });

  it("leads to another tier when its own has no other", () => {
    const state = stateWith({ today: WHEN_ALL_WERE_SERVED, providers: providersWithKeys("kimi") });
    const decision = decisionOf(requestWith({ agentScores: AGENT.fast }), state);
    expect(decision.tier).toBe("balanced");
    expect(namesOf(decision)).toEqual(["kimi kimi-k2-0905-preview"]);
    expect(movesOf(decision)).toEqual(["availability: fast -> balanced"]);
  });

  it("is the reason named even where other targets of the tier could not have taken the request", () => {
    const state = stateWith({
      today: WHEN_ALL_WERE_SERVED,
      targets: breakers({ "openai/gpt-4o": "open" }),
      providers: providersWithKeys("openai", "kimi"),
    });
    const request = requestWith({ agentScores: AGENT.powerful, needs: { ...NO_NEEDS, images: true } });
    expect(movesOf(decisionOf(request, state))).toEqual(["availability: powerful -> balanced"]);
  });

  it("fails, naming each variable once, when no provider has a key", () => {
    const failure = failureOf(requestWith(), stateWith({ providers: providersWithKeys() }));
    expect(failure).toMatchObject({
      kind: "no_usable_target",
      missingVariables: ["KIMI_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"],
    });
  });

  it("asks only for the keys that would help", () => {
    const request = requestWith({ needs: { ...NO_NEEDS, images: true } });
    const state = stateWith({ today: WHEN_ALL_WERE_SERVED, providers: providersWithKeys() });
    expect(failureOf(request, state)).toMatchObject({
      missingVariables: ["OPENAI_API_KEY", "ANTHROPIC_API_KEY"],
    });
  });

  it("is tried all the same when every target has an open breaker", () => {
    const targets = breakers({
      "kimi/kimi-k2-0905-preview": "open",
      "openai/gpt-4o-mini": "open",
      "openai/gpt-4o": "open",
      "anthropic/claude-3-haiku-20240307": "open",
      "anthropic/claude-3-5-sonnet-20241022": "parked",
    });
    const decision = decisionOf(
      requestWith({ agentScores: AGENT.balanced }),
      stateWith({ sandbox: true, targets }),
    );
    expect(namesOf(decision)).toEqual([
      "kimi kimi-k2-0905-preview",
      "openai gpt-4o-mini",
      "anthropic claude-3-haiku-20240307",
      "openai gpt-4o",
    ]);
    expect(movesOf(decision)).toEqual(["availability: balanced -> balanced"]);
    expect(decision.causes.at(-1)?.detail).toContain("tried all the same");
    expect(decision.rejected.map(({ reason }) => reason)).toEqual(["parked"]);
  });
});
