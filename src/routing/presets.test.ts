import { describe, expect, it } from "vitest";
import { CATALOGUE } from "../pricing/catalogue.ts";
import { listRetiredTargets } from "./candidates.ts";
import { PRESETS } from "./presets.ts";
import { CLASSIC, CURRENT, decisionOf, requestWith, SANDBOX, stateWith, TODAY } from "./test-support.ts";
import { TIERS } from "./types.ts";
import { validateConfig } from "./validate-config.ts";

describe("the classic preset", () => {
  it.each([
    [1, "fast", "anthropic", "claude-3-haiku-20240307", 2048, ["openai gpt-4o-mini"]],
    [
      5,
      "balanced",
      "kimi",
      "kimi-k2-0905-preview",
      4096,
      ["openai gpt-4o-mini", "anthropic claude-3-haiku-20240307"],
    ],
    [
      9,
      "powerful",
      "anthropic",
      "claude-3-5-sonnet-20241022",
      8192,
      ["openai gpt-4o", "kimi kimi-k2-0905-preview"],
    ],
  ])(
    "with an agent score of %d is what a newcomer sees: %s",
    (combined, tier, provider, model, maxOutput, then) => {
      const decision = decisionOf(requestWith({ agentScores: { combined } }), SANDBOX, CLASSIC);
      const [chosen, ...fallbacks] = decision.targets;
      expect(chosen).toMatchObject({ provider, model, maxOutputTokens: maxOutput, temperature: 0.7, tier });
      expect(fallbacks.map((target) => `${target.provider} ${target.model}`)).toEqual(then);
    },
  );

  it("has the timers that were promised", () => {
    expect(TIERS.map((tier) => CLASSIC.tiers[tier].timers)).toEqual(
      [8_000, 15_000, 45_000].map((firstTokenMs) => ({
        headersMs: 10_000,
        firstTokenMs,
        byteSilenceMs: 15_000,
        contentSilenceMs: 60_000,
      })),
    );
    expect([CLASSIC.maxAttempts, CLASSIC.maxAttemptsPerProvider]).toEqual([3, 2]);
  });

  it("knows which of its targets are retired, and by what they are replaced", () => {
    const retired = listRetiredTargets(CLASSIC, TODAY);
    expect(retired.map(({ tier, target, successor }) => [tier, target.model, successor?.model])).toEqual([
      ["fast", "claude-3-haiku-20240307", "claude-haiku-5-5"],
      ["balanced", "kimi-k2-0905-preview", "kimi-k2.6"],
      ["balanced", "claude-3-haiku-20240307", "claude-haiku-5-5"],
      ["powerful", "claude-3-5-sonnet-20241022", "claude-sonnet-5-5"],
      ["powerful", "kimi-k2-0905-preview", "kimi-k2.6"],
    ]);
  });
});

describe("the current preset", () => {
  it("names only models that are served, and drops nothing to call them", () => {
    expect(listRetiredTargets(CURRENT, TODAY)).toEqual([]);
    for (const combined of [1, 5, 9]) {
      const decision = decisionOf(requestWith({ agentScores: { combined } }), stateWith(), CURRENT);
      expect(decision.rejected).toEqual([]);
      expect(decision.targets.flatMap(({ dropped }) => dropped)).toEqual([]);
    }
  });

  it("scores as classic does", () => {
    const { preset: _, tiers: __, ...classicRule } = CLASSIC;
    expect(CURRENT).toMatchObject(classicRule);
  });
});

it("every preset is a valid configuration of models the catalogue knows", () => {
  for (const config of Object.values(PRESETS)) {
    expect(validateConfig(config)).toEqual([]);
    for (const tier of TIERS) {
      for (const { provider, model } of config.tiers[tier].targets) {
        expect(CATALOGUE.findModel(provider, model)).toMatchObject({ provider, model });
      }
    }
  }
});
