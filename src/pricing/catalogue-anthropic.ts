/** Anthropic's models. Cache writes are priced at the rate of the five-minute cache, the only one this service asks for. */
import { price, scaled } from "./price-list.ts";
import type { CatalogueModel, ModelCapabilities, ModelParameters, Price } from "./types.ts";

const LISTS_OF_NOVEMBER = "Anthropic's list as in @earendil-works/pi-ai 1.5.2 (2026-11-10)";
const LISTS_OF_SEPTEMBER = "Anthropic's list as in @llmgateway/models 1.324.0 (2026-09-23)";

/** No limit is documented; this one is far above what anybody sends and keeps the request bounded. */
const STOP_SEQUENCES = 64;

/** The older models take sampling parameters, but only under the older API version. */
const OLDER_PARAMETERS: ModelParameters = {
  temperature: { minimum: 0, maximum: 1 },
  topP: true,
  seed: false,
  stopSequences: STOP_SEQUENCES,
  outputCap: "max_tokens",
  systemRole: "system",
  anthropicVersion: "2023-06-01",
};

const CURRENT_PARAMETERS: ModelParameters = {
  temperature: false,
  topP: false,
  seed: false,
  stopSequences: STOP_SEQUENCES,
  outputCap: "max_tokens",
  systemRole: "system",
  anthropicVersion: "2026-10-21",
};

/** JSON without a schema is not in the dialect, and structured output came after these models. */
const OLDER_CAPABILITIES: ModelCapabilities = {
  tools: true,
  forcedTools: true,
  images: true,
  jsonObject: false,
  jsonSchema: false,
  thinking: "never",
};

const CURRENT_CAPABILITIES: ModelCapabilities = {
  ...OLDER_CAPABILITIES,
  jsonSchema: true,
  thinking: "optional",
};

/** These think before every answer, and a forced tool call does not go with thinking. */
const ALWAYS_THINKING: ModelCapabilities = {
  ...CURRENT_CAPABILITIES,
  forcedTools: false,
  thinking: "always",
};

const HAIKU_5_5_RATES = { fresh: 100_000n, cached: 10_000n, write: 125_000n, output: 500_000n };

/** Models that think only when told to are never told to, and have nothing to get back. */
const THINKING_PARAMETERS: ModelParameters = { ...CURRENT_PARAMETERS, reasoningBack: "signed_blocks" };

const alwaysThinking = (model: string, prices: readonly Price[]): CatalogueModel => ({
  provider: "anthropic",
  model,
  contextWindowTokens: 1_000_000,
  maxOutputTokens: 128_000,
  capabilities: ALWAYS_THINKING,
  parameters: THINKING_PARAMETERS,
  prices,
});

export const ANTHROPIC_MODELS: readonly CatalogueModel[] = [
  {
    provider: "anthropic",
    model: "claude-3-haiku-20240307",
    contextWindowTokens: 200_000,
    maxOutputTokens: 4_096,
    capabilities: OLDER_CAPABILITIES,
    parameters: OLDER_PARAMETERS,
    prices: [
      price("2024-03-13", LISTS_OF_SEPTEMBER, {
        fresh: 250_000n,
        cached: 30_000n,
        write: 300_000n,
        output: 1_250_000n,
      }),
    ],
    retiredOn: "2026-04-20",
    successor: { provider: "anthropic", model: "claude-haiku-5-5" },
  },
  {
    provider: "anthropic",
    model: "claude-3-5-sonnet-20241022",
    contextWindowTokens: 200_000,
    maxOutputTokens: 8_192,
    capabilities: OLDER_CAPABILITIES,
    parameters: OLDER_PARAMETERS,
    prices: [
      price("2024-10-22", LISTS_OF_SEPTEMBER, {
        fresh: 3_000_000n,
        cached: 300_000n,
        write: 3_750_000n,
        output: 15_000_000n,
      }),
    ],
    retiredOn: "2025-10-28",
    successor: { provider: "anthropic", model: "claude-sonnet-5-5" },
  },
  {
    provider: "anthropic",
    model: "claude-haiku-4-5-20251001",
    contextWindowTokens: 200_000,
    maxOutputTokens: 64_000,
    capabilities: CURRENT_CAPABILITIES,
    // It takes a temperature or top_p but not both, and a tier has a temperature more often than a caller a top_p.
    parameters: { ...OLDER_PARAMETERS, topP: false },
    prices: [
      price("2025-10-15", LISTS_OF_SEPTEMBER, {
        fresh: 1_000_000n,
        cached: 100_000n,
        write: 1_250_000n,
        output: 5_000_000n,
      }),
    ],
  },
  {
    provider: "anthropic",
    model: "claude-haiku-5-5",
    contextWindowTokens: 1_000_000,
    maxOutputTokens: 128_000,
    capabilities: CURRENT_CAPABILITIES,
    parameters: CURRENT_PARAMETERS,
    prices: [
      price("2026-10-07", LISTS_OF_NOVEMBER, HAIKU_5_5_RATES, {
        aboveInputTokens: 100_000,
        rates: scaled(HAIKU_5_5_RATES, 50n, 50n),
      }),
    ],
  },
  alwaysThinking("claude-sonnet-5-5", [
    price("2026-11-10", LISTS_OF_NOVEMBER, {
      fresh: 2_000_000n,
      cached: 100_000n,
      write: 2_500_000n,
      output: 10_000_000n,
    }),
  ]),
  alwaysThinking("claude-opus-5-5", [
    price("2026-09-22", LISTS_OF_SEPTEMBER, {
      fresh: 4_000_000n,
      cached: 200_000n,
      write: 5_000_000n,
      output: 20_000_000n,
    }),
  ]),
  alwaysThinking("claude-fable-5-2", [
    price("2026-11-10", LISTS_OF_NOVEMBER, {
      fresh: 8_000_000n,
      cached: 200_000n,
      write: 10_000_000n,
      output: 40_000_000n,
    }),
  ]),
];
