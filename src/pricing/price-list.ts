/** How the catalogue's data files write prices: one line of rates a model, bands spelled out by the builders here. */
import type { Price, PriceBand } from "./types.ts";

/** Micro-USD per million tokens. `write` absent: a cache write has no price of its own and bills as fresh input. */
export type Rates = Readonly<{ fresh: bigint; cached: bigint; write?: bigint; output: bigint }>;

/** Prompts above `aboveInputTokens` are billed, whole, at the other rates. */
export type LongPromptRates = Readonly<{ aboveInputTokens: number; rates: Rates }>;

/** One price in force from a UTC day (YYYY-MM-DD) on. */
export function price(effectiveFrom: string, source: string, rates: Rates, long?: LongPromptRates): Price {
  const bands = long === undefined ? [band(rates)] : [band(rates, long.aboveInputTokens), band(long.rates)];
  return { effectiveFrom, source, bands };
}

function band(rates: Rates, upToInputTokens?: number): PriceBand {
  return {
    ...(upToInputTokens === undefined ? {} : { upToInputTokens }),
    freshInputMicroUsdPerMtok: rates.fresh,
    cachedInputMicroUsdPerMtok: rates.cached,
    cacheWriteMicroUsdPerMtok: rates.write ?? rates.fresh,
    outputMicroUsdPerMtok: rates.output,
  };
}

/** The same rates, each kind of input and the output multiplied; the factors are in tenths: 15n is one and a half. */
export function scaled(rates: Rates, inputTenths: bigint, outputTenths: bigint): Rates {
  return {
    fresh: (rates.fresh * inputTenths) / 10n,
    cached: (rates.cached * inputTenths) / 10n,
    ...(rates.write === undefined ? {} : { write: (rates.write * inputTenths) / 10n }),
    output: (rates.output * outputTenths) / 10n,
  };
}
