/** OpenAI's models, over chat completions. */
import { price, type Rates, scaled } from "./price-list.ts";
import type { CatalogueModel, ModelCapabilities, ModelParameters, Price } from "./types.ts";

const LISTS_OF_NOVEMBER = "OpenAI's list as in @earendil-works/pi-ai 1.5.2 (2026-11-10)";
const LISTS_OF_SEPTEMBER = "OpenAI's list as in @llmgateway/models 1.324.0 (2026-09-23)";
const PROMPT_CACHING = "OpenAI, Prompt Caching in the API (2024-10-01)";

const GPT_4O: Omit<CatalogueModel, "model" | "prices"> = {
  provider: "openai",
  contextWindowTokens: 128_000,
  maxOutputTokens: 16_384,
  capabilities: {
    tools: true,
    forcedTools: true,
    images: true,
    jsonObject: true,
    jsonSchema: true,
    thinking: "never",
  },
  parameters: {
    temperature: { minimum: 0, maximum: 2 },
    topP: true,
    seed: true,
    stopSequences: 4,
    outputCap: "max_completion_tokens",
    systemRole: "system",
    promptCacheKey: true,
  },
};

/** Reasoning models refuse sampling parameters, and stop sequences since o3; a seed is documented for none of them. */
const REASONING_PARAMETERS: ModelParameters = {
  temperature: false,
  topP: false,
  seed: false,
  stopSequences: 0,
  outputCap: "max_completion_tokens",
  systemRole: "developer",
  promptCacheKey: true,
};

const REASONING_CAPABILITIES: ModelCapabilities = {
  tools: true,
  forcedTools: true,
  images: true,
  jsonObject: true,
  jsonSchema: true,
  thinking: "optional",
};

/**
 * From gpt-5.6 on, chat completions takes function tools only with the reasoning effort `none`. A model that cannot stop
 * thinking does not know that effort, so over chat completions it has no tools.
 */
const TOOLS_BY_THINKING = {
  optional: {
    capabilities: REASONING_CAPABILITIES,
    parameters: { ...REASONING_PARAMETERS, effortWithTools: "none" },
  },
  always: {
    capabilities: { ...REASONING_CAPABILITIES, tools: false, forcedTools: false, thinking: "always" },
    parameters: REASONING_PARAMETERS,
  },
} as const satisfies Record<string, Pick<CatalogueModel, "capabilities" | "parameters">>;

const LONG_PROMPT_TOKENS = 272_000;

/** Above 272,000 prompt tokens input costs twice and output one and a half times as much, for the whole request. */
const withLongPrompts = (effectiveFrom: string, source: string, rates: Rates): Price =>
  price(effectiveFrom, source, rates, {
    aboveInputTokens: LONG_PROMPT_TOKENS,
    rates: scaled(rates, 20n, 15n),
  });

const largeModel = (
  model: string,
  thinking: keyof typeof TOOLS_BY_THINKING,
  prices: readonly Price[],
): CatalogueModel => ({
  provider: "openai",
  model,
  contextWindowTokens: 1_050_000,
  maxOutputTokens: 128_000,
  ...TOOLS_BY_THINKING[thinking],
  prices,
});

export const OPENAI_MODELS: readonly CatalogueModel[] = [
  {
    ...GPT_4O,
    model: "gpt-4o",
    prices: [
      price("2024-10-01", PROMPT_CACHING, { fresh: 2_500_000n, cached: 1_250_000n, output: 10_000_000n }),
    ],
  },
  {
    ...GPT_4O,
    model: "gpt-4o-mini",
    prices: [price("2024-10-01", PROMPT_CACHING, { fresh: 150_000n, cached: 75_000n, output: 600_000n })],
    retiredOn: "2027-01-14",
    successor: { provider: "openai", model: "gpt-6-luna" },
  },
  {
    provider: "openai",
    model: "gpt-5.4-mini",
    contextWindowTokens: 400_000,
    maxOutputTokens: 128_000,
    capabilities: REASONING_CAPABILITIES,
    parameters: REASONING_PARAMETERS,
    // Every list has it without a band for long prompts; only the models with the window of a million have one.
    prices: [
      price("2026-03-17", LISTS_OF_SEPTEMBER, { fresh: 750_000n, cached: 75_000n, output: 4_500_000n }),
    ],
  },
  largeModel("gpt-5.6-luna", "optional", [
    withLongPrompts("2026-09-23", LISTS_OF_SEPTEMBER, {
      fresh: 200_000n,
      cached: 20_000n,
      write: 250_000n,
      output: 1_200_000n,
    }),
  ]),
  largeModel("gpt-6-luna", "optional", [
    withLongPrompts("2026-09-22", LISTS_OF_SEPTEMBER, {
      fresh: 100_000n,
      cached: 10_000n,
      write: 125_000n,
      output: 500_000n,
    }),
  ]),
  largeModel("gpt-6.1-terra", "optional", [
    withLongPrompts("2026-11-10", LISTS_OF_NOVEMBER, {
      fresh: 1_000_000n,
      cached: 50_000n,
      write: 1_250_000n,
      output: 5_000_000n,
    }),
  ]),
  largeModel("gpt-6.1-sol", "always", [
    withLongPrompts("2026-11-10", LISTS_OF_NOVEMBER, {
      fresh: 2_000_000n,
      cached: 100_000n,
      write: 2_500_000n,
      output: 10_000_000n,
    }),
  ]),
  largeModel("gpt-6-astra", "always", [
    withLongPrompts("2026-09-03", LISTS_OF_SEPTEMBER, {
      fresh: 10_000_000n,
      cached: 1_000_000n,
      write: 12_500_000n,
      output: 50_000_000n,
    }),
  ]),
];
