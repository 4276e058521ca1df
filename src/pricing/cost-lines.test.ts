import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { costOf } from "./cost.ts";
import { costLinesOf } from "./cost-lines.ts";
import type { CatalogueModel } from "./types.ts";

const band = (factor: bigint) => ({
  freshInputMicroUsdPerMtok: 150_001n * factor,
  cachedInputMicroUsdPerMtok: 75_003n * factor,
  cacheWriteMicroUsdPerMtok: 187_507n * factor,
  outputMicroUsdPerMtok: 600_011n * factor,
});
const model = {
  provider: "openai",
  model: "gpt-4o-mini",
  prices: [
    {
      effectiveFrom: "2026-01-01",
      source: "a test",
      bands: [{ upToInputTokens: 5_000, ...band(1n) }, band(2n)],
    },
  ],
} as unknown as CatalogueModel;
const DAY = "2026-11-25";

describe("cost lines", () => {
  it("add up to what was billed, to the nano-USD", () => {
    const count = fc.integer({ min: 0, max: 4_000 });
    const tokens = fc.record({
      freshInputTokens: count,
      cachedInputTokens: count,
      cacheWriteTokens: count,
      outputTokens: count,
    });
    fc.assert(
      fc.property(tokens, (used) => {
        const { costNanoUsd } = costOf(model, DAY, used);
        const lines = costLinesOf(model, DAY, used, costNanoUsd);
        expect(lines.reduce((sum, line) => sum + line.costNanoUsd, 0n)).toBe(costNanoUsd);
        expect(lines.map((line) => line.tokens)).toEqual(Object.values(used).filter((tokens) => tokens > 0));
      }),
    );
  });

  it("name the price of the prompt's size", () => {
    const used = { freshInputTokens: 6_000, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 10 };
    expect(costLinesOf(model, DAY, used, costOf(model, DAY, used).costNanoUsd)).toEqual([
      { kind: "fresh_input", tokens: 6_000, priceMicroUsdPerMtok: 300_002n, costNanoUsd: 1_800_012n },
      { kind: "output", tokens: 10, priceMicroUsdPerMtok: 1_200_022n, costNanoUsd: 12_000n },
    ]);
  });

  it("are none when the catalogue would bill otherwise, or does not know the model", () => {
    const used = { freshInputTokens: 1, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 10 };
    expect(costLinesOf(model, DAY, used, 1n)).toEqual([]);
    expect(costLinesOf(undefined, DAY, used, 0n)).toEqual([]);
    expect(costLinesOf(model, "2025-12-31", used, 0n)).toEqual([]);
  });
});
