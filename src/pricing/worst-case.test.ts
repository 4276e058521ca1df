import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CATALOGUE } from "./catalogue.ts";
import { costOf } from "./cost.ts";
import type { CatalogueModel } from "./types.ts";
import { outputTokensFor, worstCostNanoUsd } from "./worst-case.ts";

const DAY = "2026-11-20";
const priced = CATALOGUE.models.filter((model) => worstCostNanoUsd(model, DAY, 1, 1) !== undefined);
const aModel = fc.constantFrom(...priced);
const tokens = fc.nat({ max: 500_000 });

describe("the worst case of a call", () => {
  it("is never below what any split of its tokens costs, at any model of the catalogue", () => {
    fc.assert(
      fc.property(
        aModel,
        tokens,
        tokens,
        tokens,
        tokens,
        tokens,
        (model, fresh, cached, write, out, spare) => {
          const billed = {
            freshInputTokens: fresh,
            cachedInputTokens: cached,
            cacheWriteTokens: write,
            outputTokens: out,
          };
          const worst = worstCostNanoUsd(model, DAY, fresh + cached + write + spare, out) ?? -1n;
          expect(worst).toBeGreaterThanOrEqual(costOf(model, DAY, billed).costNanoUsd);
        },
      ),
    );
  });

  it("is within what was left for the output that the rest pays for, and one token more is not", () => {
    fc.assert(
      fc.property(aModel, tokens, fc.bigInt(0n, 10n ** 10n), (model, input, left) => {
        const output = outputTokensFor(model, DAY, input, left) ?? Number.NaN;
        if (output >= 0) expect(worstCostNanoUsd(model, DAY, input, output)).toBeLessThanOrEqual(left);
        expect(worstCostNanoUsd(model, DAY, input, output + 1)).toBeGreaterThan(left - 1n);
      }),
    );
  });

  it("is not known where the price is not", () => {
    const unpriced: CatalogueModel = { ...(priced[0] as CatalogueModel), prices: [] };
    for (const model of [undefined, unpriced]) {
      expect(worstCostNanoUsd(model, DAY, 1, 1)).toBeUndefined();
      expect(outputTokensFor(model, DAY, 1, 1n)).toBeUndefined();
    }
  });
});
