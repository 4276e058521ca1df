import { describe, expect, it } from "vitest";
import { CATALOGUE } from "../pricing/catalogue.ts";
import { publicAnd } from "../providers/outbound.ts";
import { PRESETS } from "../routing/presets.ts";
import type { ConfigDocument, CustomProvider, PriceOverride } from "./document.ts";
import { documentOf, resolveDocument } from "./document.ts";
import { validateDocument } from "./validate-document.ts";

const BASE = documentOf(PRESETS.current);
const KNOWN = {
  catalogue: CATALOGUE,
  providers: ["openai", "anthropic", "kimi", "ollama"],
  isAllowed: publicAnd([]),
};
const pathsOf = (changes: Partial<ConfigDocument>) =>
  validateDocument({ ...BASE, ...changes }, KNOWN).map(({ path }) => path);

const GPT = { provider: "openai", model: "gpt-4o" };
const RATES = {
  freshInputMicroUsdPerMtok: 1n,
  cachedInputMicroUsdPerMtok: 1n,
  cacheWriteMicroUsdPerMtok: 1n,
  outputMicroUsdPerMtok: 1n,
};
const price = (changes: Partial<PriceOverride>): PriceOverride => ({
  target: GPT,
  effectiveFrom: "2026-01-01",
  source: "",
  bands: [RATES],
  ...changes,
});
const provider = (changes: Partial<CustomProvider>): CustomProvider => ({
  id: "own",
  baseUrl: "https://llm.example.com/v1",
  keyVariable: "OWN_API_KEY",
  ...changes,
});
const fast = (targets: readonly { provider: string; model: string }[]) => ({
  tiers: { ...BASE.tiers, fast: { ...BASE.tiers.fast, targets } },
});

describe("a document", () => {
  it.each(["classic", "current"] as const)("is fine as the preset %s is", (preset) => {
    expect(validateDocument(documentOf(PRESETS[preset]), KNOWN)).toEqual([]);
  });

  it("takes any model of a provider that is not in the catalogue, and of its own", () => {
    expect(pathsOf(fast([{ provider: "ollama", model: "llama-9" }]))).toEqual([]);
    const own = { ...fast([{ provider: "own", model: "x" }]), customProviders: [provider({})] };
    expect(pathsOf(own)).toEqual([]);
  });

  it("takes a new model of a catalogued provider once it is described", () => {
    const target = { provider: "openai", model: "gpt-99" };
    expect(pathsOf(fast([target]))).toEqual(["tiers.fast.targets[0].model"]);
    const modelOverrides = [{ target, contextWindowTokens: 1_000, maxOutputTokens: 100, tools: true }];
    expect(pathsOf({ ...fast([target]), modelOverrides })).toEqual([]);
    const { catalogue } = resolveDocument({ ...BASE, modelOverrides }, 1, CATALOGUE);
    expect(catalogue.findModel("openai", "gpt-99")?.capabilities).toMatchObject({
      tools: true,
      images: false,
    });
  });

  const WRONG: readonly (readonly [string, Partial<ConfigDocument>])[] = [
    ["preset", { preset: "other" as "classic" }],
    ["scorer", { scorer: "other" as "classic" }],
    ["modelTimers[0].timers", { modelTimers: [{ target: GPT, timers: {} }] }],
    ["modelTimers[0].timers.headersMs", { modelTimers: [{ target: GPT, timers: { headersMs: 0.5 } }] }],
    ["modelTimers[1]", { modelTimers: [1, 2].map((headersMs) => ({ target: GPT, timers: { headersMs } })) }],
    [
      "modelTimers[0].target.provider",
      { modelTimers: [{ target: { ...GPT, provider: "no" }, timers: { headersMs: 1 } }] },
    ],
    ["customProviders[0].id", { customProviders: [provider({ id: "openai" })] }],
    ["customProviders[0].id", { customProviders: [provider({ id: "Own Server" })] }],
    ["customProviders[1].id", { customProviders: [provider({}), provider({})] }],
    [
      "customProviders[0].baseUrl",
      { customProviders: [provider({ baseUrl: "https://user:pass@llm.example.com" })] },
    ],
    ["customProviders[0].baseUrl", { customProviders: [provider({ baseUrl: "file:///etc/passwd" })] }],
    ["customProviders[0].keyVariable", { customProviders: [provider({ keyVariable: "DATABASE_URL" })] }],
    ["customProviders[0].keyVariable", { customProviders: [provider({ keyVariable: "OPENAI_API_KEY" })] }],
    ["distribution.provider", { distribution: { ...BASE.distribution, provider: "no" } }],
    ["distribution", { distribution: { lowestShare: 0.8, highestShare: 0.7 } }],
    ["modelOverrides[0].contextWindowTokens", { modelOverrides: [{ target: GPT, contextWindowTokens: 0 }] }],
    ["modelOverrides[0].retiredOn", { modelOverrides: [{ target: GPT, retiredOn: "soon" }] }],
    ["modelOverrides[0].successor", { modelOverrides: [{ target: GPT, successor: GPT }] }],
    [
      "modelOverrides[0].successor",
      { modelOverrides: [{ target: GPT, successor: { provider: "openai", model: "x" } }] },
    ],
    ["modelOverrides[1]", { modelOverrides: [{ target: GPT }, { target: GPT }] }],
    ["priceOverrides[0].effectiveFrom", { priceOverrides: [price({ effectiveFrom: "2026-13-01" })] }],
    ["priceOverrides[0].bands", { priceOverrides: [price({ bands: [] })] }],
    [
      "priceOverrides[0].bands[0].outputMicroUsdPerMtok",
      { priceOverrides: [price({ bands: [{ ...RATES, outputMicroUsdPerMtok: -1n }] })] },
    ],
    ["priceOverrides[0].bands[0].upToInputTokens", { priceOverrides: [price({ bands: [RATES, RATES] })] }],
    [
      "priceOverrides[0].bands[0].upToInputTokens",
      { priceOverrides: [price({ bands: [{ ...RATES, upToInputTokens: 9 }] })] },
    ],
    ["priceOverrides[1]", { priceOverrides: [price({}), price({})] }],
    ["retries.floorPerSecond", { retries: { ...BASE.retries, floorPerSecond: Number.POSITIVE_INFINITY } }],
    ["retries", { retries: { ...BASE.retries, jitterLeastMs: 500 } }],
    ["breaker.failedShare", { breaker: { ...BASE.breaker, failedShare: 0 } }],
    ["breaker.openMs", { breaker: { ...BASE.breaker, openMs: Number.NaN } }],
    ["callTimeoutMs", { callTimeoutMs: 900_001 }],
    ["maxAttempts", { maxAttempts: 11 }],
    [
      "tiers.fast.limits.maxAttemptsPerProvider",
      { tiers: { ...BASE.tiers, fast: { ...BASE.tiers.fast, limits: { maxAttemptsPerProvider: 4 } } } },
    ],
  ];
  it.each(WRONG)("names what is wrong at %s", (path, changes) => {
    expect(pathsOf(changes)).toContain(path);
  });

  it("that has no problem makes a catalogue", () => {
    const modelOverrides = [{ target: GPT, retiredOn: "", images: false }];
    const document = { ...BASE, modelOverrides, priceOverrides: [price({})] };
    expect(validateDocument(document, KNOWN)).toEqual([]);
    const model = resolveDocument(document, 3, CATALOGUE).catalogue.findModel("openai", "gpt-4o");
    expect(model?.prices.at(-1)).toMatchObject({ effectiveFrom: "2026-01-01", bands: [RATES] });
    expect(model?.capabilities.images).toBe(false);
  });
});
