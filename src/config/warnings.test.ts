import { describe, expect, it } from "vitest";
import { learn, newAgent, newFleet } from "../agent-score/agent-score.ts";
import { DEFAULT_LEARNING } from "../agent-score/types.ts";
import { PRESETS } from "../routing/presets.ts";
import type { RoutingConfig } from "../routing/types.ts";
import { documentOf } from "./document.ts";
import { listOverridden, listWarnings, type WarningFacts } from "./warnings.ts";

const FACTS: WarningFacts = {
  today: "2026-11-25",
  sandbox: false,
  providers: new Map(
    ["openai", "anthropic", "kimi"].map((id) => [id, { keyPresent: true, keyVariables: [] }]),
  ),
};
const kinds = (config: RoutingConfig, facts: Partial<WarningFacts> = {}) =>
  listWarnings(config, { ...FACTS, ...facts }).map(({ kind, path }) => `${kind} ${path}`);

const withFirst = (tier: "fast" | "balanced", provider: string, model: string): RoutingConfig => ({
  ...PRESETS.current,
  tiers: {
    ...PRESETS.current.tiers,
    [tier]: { ...PRESETS.current.tiers[tier], targets: [{ provider, model }] },
  },
});

describe("warnings", () => {
  it("are none for the models that are served today, with every key", () => {
    expect(kinds(PRESETS.current)).toEqual([]);
  });

  it("name retired targets and their successors", () => {
    const [first] = listWarnings(PRESETS.classic, FACTS);
    expect(first).toEqual({
      path: "tiers.fast.targets[0]",
      kind: "retired_target",
      message: "claude-3-haiku-20240307 was retired on 2026-04-20; its successor is claude-haiku-5-5",
    });
    expect(kinds(PRESETS.classic, { today: "2024-06-01" }).join()).not.toContain("retired_target");
  });

  it("name the variable of a key that is missing, unless the sandbox answers", () => {
    const providers = new Map([
      ...FACTS.providers,
      ["kimi", { keyPresent: false, keyVariables: ["KIMI_API_KEY"] }],
    ]);
    expect(kinds(PRESETS.current, { providers })).toEqual([
      "missing_key tiers.balanced.targets[0]",
      "missing_key tiers.powerful.targets[2]",
    ]);
    expect(kinds(PRESETS.current, { providers, sandbox: true })).toEqual([]);
  });

  it("name a tier whose first choice costs no less than the stronger one's", () => {
    const { provider, model } = PRESETS.current.tiers.powerful.targets[0] ?? { provider: "", model: "" };
    expect(kinds(withFirst("fast", provider, model))).toContain("dominated_tier tiers.fast.targets[0]");
  });

  it("name a target that costs more than one its tier asks later, and offers nothing that it lacks", () => {
    const targets = (...models: readonly string[]): RoutingConfig => ({
      ...PRESETS.classic,
      tiers: {
        ...PRESETS.classic.tiers,
        powerful: {
          ...PRESETS.classic.tiers.powerful,
          targets: models.map((model) => ({ provider: "openai", model })),
        },
      },
    });
    const powerful = (config: RoutingConfig) =>
      listWarnings(config, FACTS).filter(({ kind }) => kind === "dominated_target");
    expect(powerful(targets("gpt-4o", "gpt-4o-mini"))).toEqual([
      {
        path: "tiers.powerful.targets[0]",
        kind: "dominated_target",
        message:
          "openai/gpt-4o costs more than openai/gpt-4o-mini, which is asked after it, and offers nothing that it lacks: ask openai/gpt-4o-mini first",
      },
    ]);
    expect(powerful(targets("gpt-4o-mini", "gpt-4o")), "a fallback may cost more").toEqual([]);
    expect(powerful(targets("gpt-4o", "gpt-6.1-sol")), "which takes no tools").toEqual([]);
  });

  it("name a target that costs more than one which a stronger tier trusts", () => {
    const config = withFirst("balanced", "openai", "gpt-4o");
    const powerful = { ...config.tiers.powerful, targets: [{ provider: "openai", model: "gpt-4o-mini" }] };
    expect(kinds({ ...config, tiers: { ...config.tiers, powerful } })).toContain(
      "dominated_target tiers.balanced.targets[0]",
    );
  });

  it("compare no target with one that is retired, and say no more of a retired one", () => {
    expect(kinds(PRESETS.classic).join()).not.toContain("dominated_target");
  });

  it("name targets whose price nobody knows", () => {
    expect(kinds(withFirst("fast", "openai", "gpt-99"))).toEqual(["unknown_price tiers.fast.targets[0]"]);
  });
});

describe("outcomes of everyone's calls", () => {
  /** Fast first asks the dearer of the two. */
  const config = withFirst("fast", "openai", "gpt-4o");
  const cheap = { ...config.tiers.balanced, targets: [{ provider: "openai", model: "gpt-4o-mini" }] };
  const dear: RoutingConfig = { ...config, tiers: { ...config.tiers, balanced: cheap } };
  /** `success` of `n` calls on each tier, on steps of the same score. */
  const seen = (n: number, fast: number, balanced: number) => {
    let fleet = newFleet();
    for (let i = 0; i < n; i += 1) {
      for (const [tier, share] of [
        ["fast", fast],
        ["balanced", balanced],
      ] as const) {
        const quality = Number((i * 37) % 100 < share * 100);
        fleet = learn(fleet, newAgent(), { tier, quality, step: 5, atMs: 1 }, DEFAULT_LEARNING).fleet;
      }
    }
    return { fleet, tiers: dear.tiers, nowMs: 1 };
  };
  const outperformed = (facts: Partial<WarningFacts>, candidate = dear) =>
    listWarnings(candidate, { ...FACTS, ...facts }).filter(({ kind }) => kind === "outperformed_tier");

  it("name a tier that costs more than another and succeeds less", () => {
    const [warning, ...more] = outperformed({ seen: seen(400, 0.7, 0.9) });
    expect(more).toEqual([]);
    expect(warning).toMatchObject({ path: "tiers.fast.targets[0]" });
    expect(warning?.message).toBe(
      "fast costs more than balanced and succeeds less: 70 % of its steps, where balanced is expected to do 90 % (400 and 400 outcomes); ask openai/gpt-4o-mini there, too",
    );
  });

  it("say nothing of a tier that costs more and succeeds more, or as often", () => {
    expect(outperformed({ seen: seen(400, 0.95, 0.8) })).toEqual([]);
    expect(outperformed({ seen: seen(400, 0.8, 0.8) })).toEqual([]);
    expect(outperformed({})).toEqual([]);
  });

  it("say nothing while they are few", () => {
    expect(outperformed({ seen: seen(90, 0.5, 0.95) })).toEqual([]);
  });

  it("say nothing of a target that they are not of", () => {
    const other = { ...dear.tiers.fast, targets: [{ provider: "openai", model: "gpt-5.4-mini" }] };
    const candidate = { ...dear, tiers: { ...dear.tiers, fast: other } };
    expect(outperformed({ seen: seen(400, 0.7, 0.9) }, candidate)).toEqual([]);
  });
});

describe("what a published version would win over", () => {
  const base = documentOf(PRESETS.classic);
  const facts = {
    base,
    variables: new Map([
      ["prompt_cache", ["MODELTIER_PROMPT_CACHE"]],
      ["tiers", ["MODELTIER_PRESET", "MODELTIER_TIER_FAST"]],
    ]),
    providers: ["openai", "ollama"],
  };

  it("is nothing while it says what the environment says", () => {
    expect(listOverridden(structuredClone(base), facts, FACTS)).toEqual([]);
  });

  it("is every variable that speaks of a field that differs", () => {
    const document = {
      ...base,
      promptCache: "off",
      delivery: "ASSURED",
      tiers: { ...base.tiers, fast: { ...base.tiers.fast, maxOutputTokens: 7 } },
    } as const;
    expect(listOverridden(document, facts, FACTS)).toEqual([
      {
        path: "promptCache",
        kind: "overridden_variable",
        message:
          "differs from what MODELTIER_PROMPT_CACHE makes it; a published version wins over the environment",
      },
      expect.objectContaining({
        path: "tiers",
        message: expect.stringContaining("MODELTIER_PRESET and MODELTIER_TIER_FAST"),
      }),
    ]);
  });

  it("is a provider of the same name", () => {
    const own = ["vllm", "ollama"].map((id) => ({ id, baseUrl: "http://own", keyVariable: "" }));
    expect(listOverridden({ ...base, customProviders: own }, facts, FACTS)).toMatchObject([
      { path: "customProviders[1]", message: expect.stringContaining("MODELTIER_PROVIDERS") },
    ]);
  });

  it("is the other way round for retired models while the sandbox answers, once they are to be skipped", () => {
    const kindsOf = (retiredModels: "skip" | "try" | "substitute", sandbox: boolean) =>
      listOverridden({ ...base, retiredModels }, { ...facts, variables: new Map() }, { sandbox }).map(
        ({ kind, path }) => `${kind} ${path}`,
      );
    expect(kindsOf("skip", true)).toEqual(["no_effect retiredModels"]);
    expect(kindsOf("skip", false)).toEqual([]);
    expect(kindsOf("try", true)).toEqual([]);
    expect(kindsOf(base.retiredModels, true)).toEqual([]);
  });
});
