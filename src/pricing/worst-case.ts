/** The most that a call can cost at a model: what is set aside for it before it begins. Pure. */
import { findPrice } from "./cost.ts";
import type { CatalogueModel, PriceBand } from "./types.ts";

const PICO_PER_NANO = 1000n;

/** Micro-USD per million tokens: of input, whatever kind it is billed as, and of output. */
type Rates = Readonly<{ input: bigint; output: bigint }>;

/**
 * An upper bound of what so many tokens cost, in nano-USD: all input at the dearest kind of input, in whichever band of
 * prompt size up to that many tokens is the dearest. Rounded up.
 * @param day UTC, YYYY-MM-DD
 * @param inputTokens the most there can be
 * @param outputTokens the most there can be
 * @returns undefined when the price is not known: nothing bounds the cost then
 */
export function worstCostNanoUsd(
  model: CatalogueModel | undefined,
  day: string,
  inputTokens: number,
  outputTokens: number,
): bigint | undefined {
  return dearest(
    listRates(model, day, inputTokens).map(({ input, output }) => {
      const picoUsd = BigInt(inputTokens) * input + BigInt(outputTokens) * output;
      return (picoUsd + PICO_PER_NANO - 1n) / PICO_PER_NANO;
    }),
  );
}

/**
 * The most output tokens that an amount pays for beside the input, whatever band bills them: the inverse of
 * `worstCostNanoUsd`. Negative when it does not even pay for the input.
 * @returns Infinity when output is free; undefined when the price is not known
 */
export function outputTokensFor(
  model: CatalogueModel | undefined,
  day: string,
  inputTokens: number,
  amountNanoUsd: bigint,
): number | undefined {
  const affordable = listRates(model, day, inputTokens).map(({ input, output }) => {
    const leftPicoUsd = amountNanoUsd * PICO_PER_NANO - BigInt(inputTokens) * input;
    if (leftPicoUsd < 0n) return -1;
    return output === 0n ? Number.POSITIVE_INFINITY : Number(leftPicoUsd / output);
  });
  return affordable.length === 0 ? undefined : Math.min(...affordable);
}

/** Of every band that may bill a prompt of at most so many tokens; empty when the price is not known. */
function listRates(model: CatalogueModel | undefined, day: string, inputTokens: number): readonly Rates[] {
  const bands = (model && findPrice(model, day))?.bands ?? [];
  const isReached = (_: PriceBand, index: number): boolean =>
    index === 0 || inputTokens > (bands[index - 1]?.upToInputTokens ?? Number.POSITIVE_INFINITY);
  return bands.filter(isReached).map((band) => ({
    input: dearest([
      band.freshInputMicroUsdPerMtok,
      band.cachedInputMicroUsdPerMtok,
      band.cacheWriteMicroUsdPerMtok,
    ]) as bigint,
    output: band.outputMicroUsdPerMtok,
  }));
}

const dearest = (amounts: readonly bigint[]): bigint | undefined =>
  amounts.reduce<bigint | undefined>(
    (most, amount) => (most === undefined || amount > most ? amount : most),
    undefined,
  );
