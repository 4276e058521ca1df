import { describe, expect, it } from "vitest";
import { CLASSIC } from "./test-support.ts";
import type { RoutingConfig, TierConfig } from "./types.ts";
import { validateConfig } from "./validate-config.ts";

const withFast = (parts: Partial<TierConfig>): RoutingConfig => ({
  ...CLASSIC,
  tiers: { ...CLASSIC.tiers, fast: { ...CLASSIC.tiers.fast, ...parts } },
});
const withTransformWeight = (data: number): RoutingConfig => ({
  ...CLASSIC,
  weights: { ...CLASSIC.weights, transform: { ...CLASSIC.weights.transform, data } },
});
const timers = CLASSIC.tiers.fast.timers;
const target = { provider: "openai", model: "gpt-4o" };

describe("a configuration is refused, by the path of the field,", () => {
  const wrong: readonly (readonly [string, RoutingConfig, readonly string[]])[] = [
    ["when a row of weights misses 1", withTransformWeight(0.31), ["weights.transform"]],
    [
      "when a weight is no number",
      withTransformWeight(Number.NaN),
      ["weights.transform.data", "weights.transform"],
    ],
    ["when agent and step miss 1", { ...CLASSIC, stepWeight: 0.5 }, ["agentWeight"]],
    [
      "when a weight is negative",
      { ...CLASSIC, agentWeight: 1.2, stepWeight: -0.2 },
      ["agentWeight", "stepWeight"],
    ],
    ["when creation and execution miss 1", { ...CLASSIC, creationWeight: 0.4 }, ["creationWeight"]],
    [
      "when thresholds cross",
      { ...CLASSIC, thresholds: { balancedFrom: 7, balancedTo: 6.5 } },
      ["thresholds"],
    ],
    [
      "when a threshold leaves the scale",
      { ...CLASSIC, thresholds: { balancedFrom: 3, balancedTo: 11 } },
      ["thresholds.balancedTo"],
    ],
    ["when the cold-start score leaves it", { ...CLASSIC, coldStartScore: Number.NaN }, ["coldStartScore"]],
    [
      "when limits do not ascend",
      { ...CLASSIC, limits: { ...CLASSIC.limits, data: { low: 10, medium: 10, high: 20 } } },
      ["limits.data"],
    ],
    ["when a failure limit is no count", { ...CLASSIC, failureLimit: -1 }, ["failureLimit"]],
    ["when the smallest answer is nothing", { ...CLASSIC, minimumOutputTokens: 0 }, ["minimumOutputTokens"]],
    ["when a tier is empty", withFast({ targets: [] }), ["tiers.fast.targets"]],
    [
      "when a target has no name",
      withFast({ targets: [target, { provider: "", model: "" }] }),
      ["tiers.fast.targets[1].provider", "tiers.fast.targets[1].model"],
    ],
    [
      "when a target is listed twice",
      withFast({ targets: [target, { ...target }] }),
      ["tiers.fast.targets[1]"],
    ],
    [
      "when a cap is below the smallest answer",
      withFast({ maxOutputTokens: 63 }),
      ["tiers.fast.maxOutputTokens"],
    ],
    ["when a temperature is too high", withFast({ temperature: 2.1 }), ["tiers.fast.temperature"]],
    [
      "when a timer is longer than any call",
      withFast({ timers: { ...timers, firstTokenMs: 900_001 } }),
      ["tiers.fast.timers.firstTokenMs"],
    ],
    [
      "when a timer never runs",
      withFast({ timers: { ...timers, headersMs: 0 } }),
      ["tiers.fast.timers.headersMs"],
    ],
    [
      "when a model's own timer never runs",
      { ...CLASSIC, modelTimers: { "openai/gpt-4o": { byteSilenceMs: 0 } } },
      ['modelTimers["openai/gpt-4o"].byteSilenceMs'],
    ],
    [
      "when more calls than there are would be hedged",
      { ...CLASSIC, hedging: { enabled: true, shareOfCalls: 1.05 } },
      ["hedging.shareOfCalls"],
    ],
    ["when nothing is attempted", { ...CLASSIC, maxAttempts: 0 }, ["maxAttempts", "maxAttemptsPerProvider"]],
    ["when a call may last for ever", { ...CLASSIC, callTimeoutMs: 900_001 }, ["callTimeoutMs"]],
    [
      "when a tier's own limits do not go with those of the configuration",
      {
        ...CLASSIC,
        tiers: {
          ...CLASSIC.tiers,
          fast: { ...CLASSIC.tiers.fast, limits: { maxAttempts: 1, callTimeoutMs: 0 } },
        },
      },
      ["tiers.fast.limits.maxAttemptsPerProvider", "tiers.fast.limits.callTimeoutMs"],
    ],
    [
      "when one provider may have more attempts than there are",
      { ...CLASSIC, maxAttemptsPerProvider: 4 },
      ["maxAttemptsPerProvider"],
    ],
    [
      "when an assumed latency is 0",
      { ...CLASSIC, assumedLatencyMs: { ...CLASSIC.assumedLatencyMs, fast: 0 } },
      ["assumedLatencyMs.fast"],
    ],
  ];

  it.each(wrong)("%s", (_case, config, paths) => {
    expect(validateConfig(config).map(({ path }) => path)).toEqual(paths);
  });

  it("with every problem at once", () => {
    const config = { ...withFast({ targets: [], temperature: -1 }), failureLimit: 1.5 };
    expect(validateConfig(config)).toHaveLength(3);
  });
});

describe("a configuration is taken", () => {
  it("at the ends of its ranges", () => {
    const config: RoutingConfig = {
      ...withFast({ temperature: 0, maxOutputTokens: 64 }),
      failureLimit: 0,
      coldStartScore: 0,
      thresholds: { balancedFrom: 5, balancedTo: 5 },
    };
    expect(validateConfig(config)).toEqual([]);
  });

  it("with weights that sum to 1 on paper though not in floats", () => {
    const weights = { prompt: 0.7, data: 0.1, conditions: 0.1, context: 0.1, reasoning: 0, output: 0 };
    expect(0.7 + 0.1 + 0.1 + 0.1).not.toBe(1);
    expect(validateConfig({ ...CLASSIC, weights: { ...CLASSIC.weights, other: weights } })).toEqual([]);
  });
});
