import { describe, expect, it } from "vitest";
import { anAttempt, anExecution } from "../../test/support/executions.ts";
import { PRESETS } from "../routing/presets.ts";
import { EngineMetrics } from "./engine-metrics.ts";
import { createMetrics } from "./metrics.ts";

const QUIET = { skippedFrames: 0, usageMismatch: false };

function setUp() {
  const metrics = createMetrics();
  const engine = new EngineMetrics(metrics, () => PRESETS.classic);
  const read = async (name: string) => {
    const metric = await metrics.registry.getSingleMetric(name)?.get();
    return metric?.values.map(({ labels, value }) => ({ ...labels, value }));
  };
  return { engine, read };
}

describe("what the caches saved", () => {
  it("is summed by model, and falls again with what was paid for writing", async () => {
    const { engine, read } = setUp();
    for (const cacheSavingNanoUsd of [1_000_000_001n, -2_000_000_000n, 499_999_999n]) {
      engine.onAttempt(anAttempt("one", { cacheSavingNanoUsd }), QUIET);
    }
    expect(await read("modeltier_provider_cache_savings_usd")).toEqual([
      { provider: "kimi", model: "kimi-k2-0905-preview", value: -0.5 },
    ]);
  });

  it("makes no series for a model that caches nothing", async () => {
    const { engine, read } = setUp();
    engine.onAttempt(anAttempt("one", { cacheSavingNanoUsd: 0n }), QUIET);
    expect(await read("modeltier_provider_cache_savings_usd")).toEqual([]);
  });
});

describe("a second scorer", () => {
  it("is told by how often the two agree, and the calibrated scores by the marks they lie between", async () => {
    const { engine, read } = setUp();
    const { decision } = anExecution("one");
    const steps = {
      raw: 0,
      weightsVersion: "w",
      difficulty: 0,
      benefit: 0,
      familiarity: 0,
      signs: [],
      contributions: [],
    };
    for (const [score, tier] of [
      [2, "balanced"],
      [9, "powerful"],
      [9, "powerful"],
    ] as const) {
      const shadow = {
        scorer: "calibrated" as const,
        stepScore: score,
        effectiveScore: score,
        tier,
        differs: tier !== "balanced",
      };
      engine.onDecision({ ...decision, effectiveScore: 5, calibrated: { ...steps, score }, shadow });
    }
    engine.onDecision(decision);
    const decided = { scorer: "classic", tier: "balanced" };
    expect(await read("modeltier_shadow_decisions_total")).toEqual([
      { ...decided, shadow_tier: "balanced", value: 1 },
      { ...decided, shadow_tier: "powerful", value: 2 },
    ]);
    expect(await read("modeltier_calibrated_scores_total")).toEqual([
      { tier: "fast", value: 1 },
      { tier: "powerful", value: 2 },
    ]);
  });
});

describe("calls and prices", () => {
  it("are counted by the target that answered, the tier that was decided, and how they ended", async () => {
    const { engine, read } = setUp();
    engine.onExecution(anExecution("one"), 1);
    engine.onExecution(anExecution("two", { status: "failed" }), 1);
    const labels = { provider: "kimi", model: "kimi-k2-0905-preview", tier: "balanced" };
    expect(await read("modeltier_executions_total")).toEqual([
      { ...labels, status: "ok", value: 1 },
      { ...labels, status: "failed", value: 1 },
    ]);
  });

  it("that are unknown name the configured model, and no name of a caller's", async () => {
    const { engine, read } = setUp();
    for (const model of ["made-up", "invented"]) {
      const target = { provider: "ollama", model };
      engine.onAttempt(anAttempt("one", { target, priceStatus: "UNKNOWN" }), QUIET);
    }
    expect(await read("modeltier_unknown_price_total")).toEqual([
      { provider: "ollama", model: "other", value: 2 },
    ]);
  });
});

describe("what an operator has to mend", () => {
  it("is counted under the model as the catalogue names it, and under no name of a caller's", async () => {
    const { engine, read } = setUp();
    const refused = (model: string) =>
      anAttempt("one", { target: { provider: "openai", model }, outcome: "unauthenticated" });
    engine.onOperatorNeeded(refused("gpt-4o"));
    engine.onOperatorNeeded(refused("made-up"));
    expect(await read("modeltier_operator_needed_total")).toEqual([
      { provider: "openai", model: "gpt-4o", outcome: "unauthenticated", value: 1 },
      { provider: "openai", model: "other", outcome: "unauthenticated", value: 1 },
    ]);
  });
});
