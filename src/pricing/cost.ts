/** From tokens to money. Prices are micro-USD per million tokens, so tokens x price is in 1e-12 USD; amounts are nano-USD. */
import type { TokenUsage } from "../providers/provider.ts";
import type { BilledTokens, CatalogueModel, Price, PriceBand } from "./types.ts";

export type Cost = Readonly<{
  /** 0n with `UNKNOWN` means that nobody knows, not that it was free. */
  costNanoUsd: bigint;
  priceStatus: "KNOWN" | "UNKNOWN";
  /** The UTC day the price took effect, YYYY-MM-DD; absent when it is unknown. */
  priceVersion?: string;
}>;

const UNKNOWN_COST: Cost = { costNanoUsd: 0n, priceStatus: "UNKNOWN" };
const PICO_PER_NANO = 1000n;

/** Input and output together, however they are billed. */
export function tokenCount(tokens: BilledTokens): number {
  const { freshInputTokens, cachedInputTokens, cacheWriteTokens, outputTokens } = tokens;
  return freshInputTokens + cachedInputTokens + cacheWriteTokens + outputTokens;
}

/**
 * Usage as reported, in disjoint kinds. A provider that reports more cached than input tokens contradicts itself; the
 * total is believed then and the parts are cut to it, so that no token is billed twice.
 */
export function billedTokens(usage: TokenUsage): BilledTokens {
  const cachedInputTokens = Math.min(usage.cachedInputTokens, usage.inputTokens);
  const cacheWriteTokens = Math.min(usage.cacheWriteTokens, usage.inputTokens - cachedInputTokens);
  return {
    freshInputTokens: usage.inputTokens - cachedInputTokens - cacheWriteTokens,
    cachedInputTokens,
    cacheWriteTokens,
    outputTokens: usage.outputTokens,
  };
}

/** The price in force on a UTC day (YYYY-MM-DD); undefined when none is known for it. */
export function findPrice(model: CatalogueModel, day: string): Price | undefined {
  return model.prices.findLast((price) => price.effectiveFrom <= day);
}

/**
 * What the tokens cost at a model's price of a UTC day (YYYY-MM-DD): exact, and rounded half up to the nano-USD once,
 * over the sum of the kinds.
 * @throws RangeError if a count is not a whole number from 0
 */
export function costOf(model: CatalogueModel | undefined, day: string, tokens: BilledTokens): Cost {
  const fresh = count("freshInputTokens", tokens.freshInputTokens);
  const cached = count("cachedInputTokens", tokens.cachedInputTokens);
  const write = count("cacheWriteTokens", tokens.cacheWriteTokens);
  const output = count("outputTokens", tokens.outputTokens);

  const price = model === undefined ? undefined : findPrice(model, day);
  const band = price === undefined ? undefined : findBand(price, fresh + cached + write);
  if (price === undefined || band === undefined) return UNKNOWN_COST;
  const costPicoUsd =
    fresh * band.freshInputMicroUsdPerMtok +
    cached * band.cachedInputMicroUsdPerMtok +
    write * band.cacheWriteMicroUsdPerMtok +
    output * band.outputMicroUsdPerMtok;
  return {
    costNanoUsd: (costPicoUsd + PICO_PER_NANO / 2n) / PICO_PER_NANO,
    priceStatus: "KNOWN",
    priceVersion: price.effectiveFrom,
  };
}

/**
 * What the provider's prompt cache saved: cached tokens x (fresh - cached price) less written tokens x (write - fresh
 * price), at the prices of a UTC day (YYYY-MM-DD). Negative where more was paid for writing than reading saved. It is the
 * difference of two costs as they are billed, so cost + saving is what the same tokens cost without a cache, to the nano-USD.
 * @returns nano-USD; 0n when the price is unknown
 * @throws RangeError if a count is not a whole number from 0
 */
export function cacheSavingOf(model: CatalogueModel | undefined, day: string, tokens: BilledTokens): bigint {
  const { freshInputTokens, cachedInputTokens, cacheWriteTokens, outputTokens } = tokens;
  if (cachedInputTokens === 0 && cacheWriteTokens === 0) {
    checkCount("freshInputTokens", freshInputTokens);
    checkCount("outputTokens", outputTokens);
    return 0n;
  }
  const withoutCache = costOf(model, day, {
    freshInputTokens: freshInputTokens + cachedInputTokens + cacheWriteTokens,
    cachedInputTokens: 0,
    cacheWriteTokens: 0,
    outputTokens,
  });
  return withoutCache.costNanoUsd - costOf(model, day, tokens).costNanoUsd;
}

/** An amount in nano-USD as an exact decimal of US dollars without trailing zeros: 1_950_000_000n is "1.95". */
export function usdFromNano(amountNanoUsd: bigint): string {
  const sign = amountNanoUsd < 0n ? "-" : "";
  const digits = (amountNanoUsd < 0n ? -amountNanoUsd : amountNanoUsd).toString().padStart(10, "0");
  const fraction = digits.slice(-9).replace(/0+$/, "");
  return `${sign}${digits.slice(0, -9)}${fraction === "" ? "" : `.${fraction}`}`;
}

/** The band of a prompt of this size, cached and cache-written tokens included. */
export function findBand(price: Price, inputTokens: bigint): PriceBand | undefined {
  return price.bands.find(
    (band) => band.upToInputTokens === undefined || inputTokens <= band.upToInputTokens,
  );
}

function count(name: keyof BilledTokens, tokens: number): bigint {
  checkCount(name, tokens);
  return BigInt(tokens);
}

function checkCount(name: keyof BilledTokens, tokens: number): void {
  if (Number.isSafeInteger(tokens) && tokens >= 0) return;
  throw new RangeError(`${name} must be a whole number from 0, not ${tokens}`);
}
