/** A cost that was billed, taken apart by kind of tokens. */
import { costOf, findBand, findPrice } from "./cost.ts";
import type { BilledTokens, CatalogueModel } from "./types.ts";

export type CostLine = Readonly<{
  kind: "fresh_input" | "cached_input" | "cache_write" | "output";
  tokens: number;
  priceMicroUsdPerMtok: bigint;
  costNanoUsd: bigint;
}>;

/**
 * One line to each kind that was used. The lines add up to the cost: what rounding leaves over is in the dearest.
 * @param day of the attempt, in UTC, YYYY-MM-DD
 * @param costNanoUsd as it was billed
 * @returns none when today's catalogue gives another cost: the price that was billed is not known here
 */
export function costLinesOf(
  model: CatalogueModel | undefined,
  day: string,
  tokens: BilledTokens,
  costNanoUsd: bigint,
): readonly CostLine[] {
  const cost = costOf(model, day, tokens);
  if (cost.priceStatus === "UNKNOWN" || cost.costNanoUsd !== costNanoUsd) return [];
  const input = tokens.freshInputTokens + tokens.cachedInputTokens + tokens.cacheWriteTokens;
  const price = model && findPrice(model, day);
  const band = price && findBand(price, BigInt(input));
  if (band === undefined) return [];
  const lines = [
    lineOf("fresh_input", tokens.freshInputTokens, band.freshInputMicroUsdPerMtok),
    lineOf("cached_input", tokens.cachedInputTokens, band.cachedInputMicroUsdPerMtok),
    lineOf("cache_write", tokens.cacheWriteTokens, band.cacheWriteMicroUsdPerMtok),
    lineOf("output", tokens.outputTokens, band.outputMicroUsdPerMtok),
  ].filter((line) => line.tokens > 0);
  return withRest(lines, costNanoUsd);
}

/** Micro-USD per million tokens are 1e-12 USD per token. */
const lineOf = (kind: CostLine["kind"], tokens: number, priceMicroUsdPerMtok: bigint): CostLine => ({
  kind,
  tokens,
  priceMicroUsdPerMtok,
  costNanoUsd: (BigInt(tokens) * priceMicroUsdPerMtok) / 1000n,
});

function withRest(lines: readonly CostLine[], costNanoUsd: bigint): readonly CostLine[] {
  const rest = lines.reduce((left, line) => left - line.costNanoUsd, costNanoUsd);
  const dearest = lines.reduce((most, line) => (line.costNanoUsd > most ? line.costNanoUsd : most), 0n);
  const index = lines.findIndex((line) => line.costNanoUsd === dearest);
  return lines.map((line, at) => (at === index ? { ...line, costNanoUsd: line.costNanoUsd + rest } : line));
}
