/** The words of the catalogue and of money. Amounts are nano-USD (1e-9 USD), prices micro-USD per million tokens. */

/** One price list of one model from a day on. All four are micro-USD per million tokens: $0.15 is `150_000n`. */
export type Price = Readonly<{
  /** UTC date the price took effect, YYYY-MM-DD. */
  effectiveFrom: string;
  /** Where the figures come from. */
  source: string;
  /** By prompt size, ascending: the first whose `upToInputTokens` is not exceeded by the whole prompt bills the whole request. */
  bands: readonly PriceBand[];
}>;
export type PriceBand = Readonly<{
  /** Largest prompt, in tokens including cached ones, that this band bills; absent: no limit. */
  upToInputTokens?: number;
  freshInputMicroUsdPerMtok: bigint;
  cachedInputMicroUsdPerMtok: bigint;
  cacheWriteMicroUsdPerMtok: bigint;
  outputMicroUsdPerMtok: bigint;
}>;

/** What a model takes; the adapters and the router read the same entry. */
export type ModelCapabilities = Readonly<{
  tools: boolean;
  /** A named or required tool can be forced. */
  forcedTools: boolean;
  images: boolean;
  jsonObject: boolean;
  jsonSchema: boolean;
  thinking: "never" | "optional" | "always";
}>;
export type ModelParameters = Readonly<{
  /** Inclusive range, or false: sending one is refused. */
  temperature: false | Readonly<{ minimum: number; maximum: number }>;
  topP: boolean;
  seed: boolean;
  /** How many stop sequences are taken; 0: none. */
  stopSequences: number;
  /** The name of the output cap on the wire. */
  outputCap: "max_tokens" | "max_completion_tokens";
  systemRole: "system" | "developer";
  /** Function tools are refused without this `reasoning_effort`, so it goes with them; absent: none is sent. */
  effortWithTools?: "none";
  /** The provider takes a `prompt_cache_key`, which keeps the calls of a session at one of its caches. */
  promptCacheKey?: boolean;
  /**
   * How the reasoning of earlier answers goes back to the model, which wants it while it calls tools; absent: it takes none.
   * `signed_blocks`: only reasoning that its provider has signed, with the signature.
   */
  reasoningBack?: "reasoning_content" | "signed_blocks";
  /** Sent as `anthropic-version`; only the Anthropic dialect reads it. */
  anthropicVersion?: "2023-06-01" | "2026-10-21";
}>;

export type CatalogueModel = Readonly<{
  provider: string;
  model: string;
  contextWindowTokens: number;
  maxOutputTokens: number;
  capabilities: ModelCapabilities;
  parameters: ModelParameters;
  /** Newest last. Empty: the price is unknown. */
  prices: readonly Price[];
  /** First UTC day on which the provider no longer serves it, YYYY-MM-DD. */
  retiredOn?: string;
  successor?: Readonly<{ provider: string; model: string }>;
}>;

/** Finds a model; undefined when the catalogue does not know it. */
export type Catalogue = Readonly<{
  models: readonly CatalogueModel[];
  findModel(provider: string, model: string): CatalogueModel | undefined;
}>;

/** The billed kinds, disjoint: their sum is every token that was paid for. */
export type BilledTokens = Readonly<{
  freshInputTokens: number;
  cachedInputTokens: number;
  cacheWriteTokens: number;
  /** All generated tokens, reasoning included. */
  outputTokens: number;
}>;
