/** Kimi's models. The cache is automatic and a write into it has no price of its own. */
import { price, type Rates } from "./price-list.ts";
import type { CatalogueModel, ModelCapabilities, ModelParameters } from "./types.ts";

const LISTS_OF_NOVEMBER = "Moonshot's list as in @earendil-works/pi-ai 1.5.2 (2026-11-10)";
const LISTS_OF_SEPTEMBER = "Moonshot's list as in @llmgateway/models 1.324.0 (2026-09-23)";

const PARAMETERS: ModelParameters = {
  temperature: false,
  topP: false,
  seed: false,
  stopSequences: 5,
  outputCap: "max_completion_tokens",
  systemRole: "system",
};

/**
 * Sampling is fixed on these models; a value other than their own is a 400, so none is sent. All think unless told otherwise, and refuse
 * an earlier tool call that comes without its reasoning.
 */
const CURRENT_PARAMETERS: ModelParameters = { ...PARAMETERS, reasoningBack: "reasoning_content" };

/** A forced tool call is refused while the model thinks, which it does unless told otherwise. */
const CURRENT_CAPABILITIES: ModelCapabilities = {
  tools: true,
  forcedTools: false,
  images: true,
  jsonObject: true,
  jsonSchema: true,
  thinking: "always",
};

const K2_WINDOW_TOKENS = 262_144;
const K3_WINDOW_TOKENS = 1_048_576;

/** Output may fill the window; there is no smaller limit of its own. */
const current = (
  model: string,
  windowTokens: number,
  effectiveFrom: string,
  source: string,
  rates: Rates,
): CatalogueModel => ({
  provider: "kimi",
  model,
  contextWindowTokens: windowTokens,
  maxOutputTokens: windowTokens,
  capabilities: CURRENT_CAPABILITIES,
  parameters: CURRENT_PARAMETERS,
  prices: [price(effectiveFrom, source, rates)],
});

export const KIMI_MODELS: readonly CatalogueModel[] = [
  {
    provider: "kimi",
    model: "kimi-k2-0905-preview",
    contextWindowTokens: K2_WINDOW_TOKENS,
    maxOutputTokens: K2_WINDOW_TOKENS,
    capabilities: {
      tools: true,
      forcedTools: true,
      images: false,
      jsonObject: true,
      jsonSchema: false,
      thinking: "never",
    },
    parameters: { ...PARAMETERS, temperature: { minimum: 0, maximum: 1 }, topP: true },
    prices: [
      price("2025-09-05", LISTS_OF_SEPTEMBER, { fresh: 600_000n, cached: 150_000n, output: 2_500_000n }),
    ],
    retiredOn: "2026-05-25",
    successor: { provider: "kimi", model: "kimi-k2.6" },
  },
  {
    ...current("kimi-k2.6", K2_WINDOW_TOKENS, "2026-04-20", LISTS_OF_SEPTEMBER, {
      fresh: 950_000n,
      cached: 160_000n,
      output: 4_000_000n,
    }),
    capabilities: { ...CURRENT_CAPABILITIES, thinking: "optional" },
  },
  current("kimi-k2.7-code", K2_WINDOW_TOKENS, "2026-06-12", LISTS_OF_SEPTEMBER, {
    fresh: 950_000n,
    cached: 190_000n,
    output: 4_000_000n,
  }),
  current("kimi-k2.7-code-highspeed", K2_WINDOW_TOKENS, "2026-06-12", LISTS_OF_SEPTEMBER, {
    fresh: 1_900_000n,
    cached: 380_000n,
    output: 8_000_000n,
  }),
  current("kimi-k3", K3_WINDOW_TOKENS, "2026-07-16", LISTS_OF_SEPTEMBER, {
    fresh: 3_000_000n,
    cached: 300_000n,
    output: 15_000_000n,
  }),
  current("kimi-k3.1-pro", K3_WINDOW_TOKENS, "2026-11-10", LISTS_OF_NOVEMBER, {
    fresh: 2_000_000n,
    cached: 200_000n,
    output: 10_000_000n,
  }),
  current("kimi-k3.1-pro-highspeed", K3_WINDOW_TOKENS, "2026-11-10", LISTS_OF_NOVEMBER, {
    fresh: 4_000_000n,
    cached: 200_000n,
    output: 20_000_000n,
  }),
];
