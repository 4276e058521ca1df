import { describe, expect, it } from "vitest";
import { CATALOGUE, createCatalogue, findServedSuccessor, isRetired, parametersOf } from "./catalogue.ts";
import { findPrice } from "./cost.ts";
import { price } from "./price-list.ts";
import type { CatalogueModel, PriceBand } from "./types.ts";

const TODAY = "2026-11-23";

const modelWith = (parts: Partial<CatalogueModel> = {}): CatalogueModel => ({
  provider: "acme",
  model: "one",
  contextWindowTokens: 1000,
  maxOutputTokens: 100,
  capabilities: {
    tools: true,
    forcedTools: true,
    images: true,
    jsonObject: true,
    jsonSchema: true,
    thinking: "never",
  },
  parameters: {
    temperature: false,
    topP: false,
    seed: false,
    stopSequences: 0,
    outputCap: "max_tokens",
    systemRole: "system",
  },
  prices: [],
  ...parts,
});

describe("the catalogue", () => {
  /** Micro-USD per million tokens: fresh, cached, cache write ("-": as fresh), output; window and largest output. */
  it.each([
    ["anthropic", "claude-3-haiku-20240307", 250_000, 30_000, 300_000, 1_250_000, 200_000, 4096],
    ["anthropic", "claude-3-5-sonnet-20241022", 3_000_000, 300_000, 3_750_000, 15_000_000, 200_000, 8192],
    ["kimi", "kimi-k2-0905-preview", 600_000, 150_000, "-", 2_500_000, 262_144, 262_144],
    ["openai", "gpt-4o", 2_500_000, 1_250_000, "-", 10_000_000, 128_000, 16_384],
    ["openai", "gpt-4o-mini", 150_000, 75_000, "-", 600_000, 128_000, 16_384],
    ["anthropic", "claude-haiku-5-5", 100_000, 10_000, 125_000, 500_000, 1_000_000, 128_000],
    ["anthropic", "claude-haiku-4-5-20251001", 1_000_000, 100_000, 1_250_000, 5_000_000, 200_000, 64_000],
    ["openai", "gpt-6-luna", 100_000, 10_000, 125_000, 500_000, 1_050_000, 128_000],
    ["kimi", "kimi-k2.6", 950_000, 160_000, "-", 4_000_000, 262_144, 262_144],
    ["kimi", "kimi-k2.7-code", 950_000, 190_000, "-", 4_000_000, 262_144, 262_144],
    ["kimi", "kimi-k2.7-code-highspeed", 1_900_000, 380_000, "-", 8_000_000, 262_144, 262_144],
    ["openai", "gpt-6.1-terra", 1_000_000, 50_000, 1_250_000, 5_000_000, 1_050_000, 128_000],
    ["openai", "gpt-5.4-mini", 750_000, 75_000, "-", 4_500_000, 400_000, 128_000],
    ["openai", "gpt-5.6-luna", 200_000, 20_000, 250_000, 1_200_000, 1_050_000, 128_000],
    ["anthropic", "claude-sonnet-5-5", 2_000_000, 100_000, 2_500_000, 10_000_000, 1_000_000, 128_000],
    ["anthropic", "claude-opus-5-5", 4_000_000, 200_000, 5_000_000, 20_000_000, 1_000_000, 128_000],
    ["openai", "gpt-6.1-sol", 2_000_000, 100_000, 2_500_000, 10_000_000, 1_050_000, 128_000],
    ["kimi", "kimi-k3", 3_000_000, 300_000, "-", 15_000_000, 1_048_576, 1_048_576],
    ["kimi", "kimi-k3.1-pro", 2_000_000, 200_000, "-", 10_000_000, 1_048_576, 1_048_576],
    ["kimi", "kimi-k3.1-pro-highspeed", 4_000_000, 200_000, "-", 20_000_000, 1_048_576, 1_048_576],
    ["anthropic", "claude-fable-5-2", 8_000_000, 200_000, 10_000_000, 40_000_000, 1_000_000, 128_000],
    ["openai", "gpt-6-astra", 10_000_000, 1_000_000, 12_500_000, 50_000_000, 1_050_000, 128_000],
  ])("lists %s %s", (provider, name, fresh, cached, write, output, window, maxOutput) => {
    const model = CATALOGUE.findModel(provider, name);
    expect(model).toMatchObject({ contextWindowTokens: window, maxOutputTokens: maxOutput });
    expect(model === undefined ? undefined : findPrice(model, TODAY)?.bands[0]).toMatchObject({
      freshInputMicroUsdPerMtok: BigInt(fresh),
      cachedInputMicroUsdPerMtok: BigInt(cached),
      cacheWriteMicroUsdPerMtok: BigInt(write === "-" ? fresh : write),
      outputMicroUsdPerMtok: BigInt(output),
    });
  });

  it("has a price with a source for every model", () => {
    for (const model of CATALOGUE.models)
      expect(findPrice(model, TODAY)?.source).toMatch(/\d{4}-\d{2}-\d{2}/);
  });

  it("bills long prompts at OpenAI twice for input and one and a half times for output", () => {
    for (const name of ["gpt-5.6-luna", "gpt-6-luna", "gpt-6.1-terra", "gpt-6.1-sol", "gpt-6-astra"]) {
      const [short, long] = CATALOGUE.findModel("openai", name)?.prices[0]?.bands ?? [];
      if (short === undefined || long === undefined) throw new Error(`${name} has no two bands`);
      expect(short.upToInputTokens).toBe(272_000);
      expect(long.freshInputMicroUsdPerMtok).toBe(short.freshInputMicroUsdPerMtok * 2n);
      expect(long.cachedInputMicroUsdPerMtok).toBe(short.cachedInputMicroUsdPerMtok * 2n);
      expect(long.cacheWriteMicroUsdPerMtok).toBe(short.cacheWriteMicroUsdPerMtok * 2n);
      expect(long.outputMicroUsdPerMtok * 2n).toBe(short.outputMicroUsdPerMtok * 3n);
    }
  });

  it("knows which models are gone, since when, and what to use instead", () => {
    const gone = CATALOGUE.models.filter((model) => isRetired(model, TODAY));
    expect(gone.map(({ model, retiredOn, successor }) => [model, retiredOn, successor?.model])).toEqual([
      ["claude-3-haiku-20240307", "2026-04-20", "claude-haiku-5-5"],
      ["claude-3-5-sonnet-20241022", "2025-10-28", "claude-sonnet-5-5"],
      ["kimi-k2-0905-preview", "2026-05-25", "kimi-k2.6"],
    ]);
    const mini = CATALOGUE.findModel("openai", "gpt-4o-mini");
    expect(mini).toMatchObject({ retiredOn: "2027-01-14", successor: { model: "gpt-6-luna" } });
  });

  it("sends a temperature only to models that take one, under the API version that allows it", () => {
    const taking = CATALOGUE.models.filter(({ parameters }) => parameters.temperature !== false);
    expect(taking.map(({ model }) => model)).toEqual([
      "gpt-4o",
      "gpt-4o-mini",
      "claude-3-haiku-20240307",
      "claude-3-5-sonnet-20241022",
      "claude-haiku-4-5-20251001",
      "kimi-k2-0905-preview",
    ]);
    for (const { provider, parameters } of CATALOGUE.models) {
      if (provider !== "anthropic") continue;
      expect(parameters.anthropicVersion).toBe(
        parameters.temperature === false ? "2026-10-21" : "2023-06-01",
      );
    }
  });

  it("forces no tool on a model that always thinks", () => {
    for (const { capabilities } of CATALOGUE.models) {
      if (capabilities.thinking === "always") expect(capabilities.forcedTools).toBe(false);
      if (!capabilities.tools) expect(capabilities.forcedTools).toBe(false);
    }
  });
});

describe("building a catalogue", () => {
  const band = (fresh: bigint, upToInputTokens?: number): PriceBand => ({
    ...(upToInputTokens === undefined ? {} : { upToInputTokens }),
    freshInputMicroUsdPerMtok: fresh,
    cachedInputMicroUsdPerMtok: 0n,
    cacheWriteMicroUsdPerMtok: 0n,
    outputMicroUsdPerMtok: 0n,
  });
  const pricedAt = (...bands: PriceBand[]) =>
    modelWith({ prices: [{ effectiveFrom: "2026-01-01", source: "test", bands }] });
  const rates = { fresh: 1n, cached: 1n, output: 1n };
  const successor = { provider: "acme", model: "two" };

  it.each([
    ["a model listed twice", [modelWith(), modelWith()], "acme/one is listed twice"],
    ["no window", [modelWith({ contextWindowTokens: 0 })], "its context window"],
    ["half a token of output", [modelWith({ maxOutputTokens: 0.5 })], "its output maximum"],
    ["a negative price", [pricedAt(band(-1n))], "a price is negative"],
    ["no band", [pricedAt()], "the last price band must have no limit"],
    ["a limit on the last band", [pricedAt(band(1n, 100))], "the last price band must have no limit"],
    ["bands out of order", [pricedAt(band(1n, 100), band(1n, 100), band(1n))], "ascending limits"],
    ["an open band before the last", [pricedAt(band(1n), band(1n))], "ascending limits"],
    ["a day that is none", [modelWith({ prices: [price("2026-13-01", "test", rates)] })], "2026-13-01 is no"],
    ["a retirement that is no day", [modelWith({ retiredOn: "soon" })], "its retirement"],
    [
      "prices out of order",
      [modelWith({ prices: [price("2026-02-01", "test", rates), price("2026-01-01", "test", rates)] })],
      "is not newer",
    ],
    ["a successor nobody lists", [modelWith({ successor })], "its successor acme/two is not listed"],
    [
      "successors in a circle",
      [modelWith({ successor }), modelWith({ model: "two", successor: { provider: "acme", model: "one" } })],
      "lead in a circle",
    ],
  ] as const)("refuses %s", (_case, models, problem) => {
    expect(() => createCatalogue(models)).toThrow(problem);
  });

  it("names every problem at once", () => {
    const models = [modelWith({ maxOutputTokens: 0, retiredOn: "soon" }), modelWith()];
    expect(() => createCatalogue(models)).toThrow(/listed twice; .*output maximum.*; .*retirement/);
  });
});

describe("a successor", () => {
  const line = createCatalogue([
    modelWith({ retiredOn: "2026-01-01", successor: { provider: "acme", model: "two" } }),
    modelWith({ model: "two", retiredOn: "2026-06-01", successor: { provider: "acme", model: "three" } }),
    modelWith({ model: "three" }),
    modelWith({ model: "last", retiredOn: "2026-01-01" }),
  ]);
  const servedOn = (name: string, day: string): string | undefined => {
    const model = line.findModel("acme", name);
    return model === undefined ? undefined : findServedSuccessor(line, model, day)?.model;
  };

  it("is the first down the line that is served on the day", () => {
    expect(["2025-12-31", "2026-01-01", "2026-06-01"].map((day) => servedOn("one", day))).toEqual([
      "one",
      "two",
      "three",
    ]);
  });

  it("is none where the line ends", () => {
    expect(servedOn("last", "2026-01-01")).toBeUndefined();
  });
});

describe("how to call a model", () => {
  it("is what the catalogue says of it", () => {
    const target = { provider: "openai", model: "gpt-4o" };
    expect(parametersOf(CATALOGUE, target)).toMatchObject({ systemRole: "system", seed: true });
  });

  it("is without sampling parameters for a model that is newer than the catalogue", () => {
    expect(parametersOf(CATALOGUE, { provider: "anthropic", model: "claude-next" })).toMatchObject({
      temperature: false,
      topP: false,
      seed: false,
      outputCap: "max_tokens",
      anthropicVersion: "2026-10-21",
    });
    const range = { minimum: 0, maximum: 1 };
    const parameters = { ...modelWith().parameters, temperature: range, topP: true, seed: true };
    const catalogue = createCatalogue([modelWith({ parameters })]);
    expect(parametersOf(catalogue, { provider: "acme", model: "next" })).toEqual(modelWith().parameters);
    expect(parametersOf(CATALOGUE, { provider: "openai", model: "gpt-99" })).toMatchObject({
      temperature: false,
      outputCap: "max_completion_tokens",
    });
  });

  it("is the common ground of OpenAI-compatible servers for a custom provider", () => {
    expect(parametersOf(CATALOGUE, { provider: "vllm", model: "m" })).toMatchObject({
      temperature: { minimum: 0, maximum: 2 },
      outputCap: "max_tokens",
      systemRole: "system",
    });
  });
});
