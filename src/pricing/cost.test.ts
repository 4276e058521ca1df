import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CATALOGUE } from "./catalogue.ts";
import { billedTokens, cacheSavingOf, costOf, findPrice, usdFromNano } from "./cost.ts";
import { price } from "./price-list.ts";
import type { BilledTokens, CatalogueModel } from "./types.ts";

const TODAY = "2026-11-23";
const NONE: BilledTokens = {
  freshInputTokens: 0,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 0,
};
const KINDS = ["freshInputTokens", "cachedInputTokens", "cacheWriteTokens", "outputTokens"] as const;

const count = fc.nat(3_000_000);
const anyTokens = fc.record({
  freshInputTokens: count,
  cachedInputTokens: count,
  cacheWriteTokens: count,
  outputTokens: count,
});
const anyModel = fc.constantFrom(...CATALOGUE.models);

function modelOf(provider: string, name: string): CatalogueModel {
  const model = CATALOGUE.findModel(provider, name);
  if (model === undefined) throw new Error(`the catalogue does not list ${provider}/${name}`);
  return model;
}
const costUsd = (model: CatalogueModel, tokens: Partial<BilledTokens>): string =>
  usdFromNano(costOf(model, TODAY, { ...NONE, ...tokens }).costNanoUsd);

describe("what was billed", () => {
  it("is in disjoint kinds that sum to all tokens", () => {
    const usage = {
      inputTokens: 2989,
      cachedInputTokens: 2000,
      cacheWriteTokens: 500,
      outputTokens: 7,
      reasoningTokens: 3,
    };
    expect(billedTokens(usage)).toEqual({
      freshInputTokens: 489,
      cachedInputTokens: 2000,
      cacheWriteTokens: 500,
      outputTokens: 7,
    });
  });

  it("never counts a token twice, even where the report contradicts itself", () => {
    fc.assert(
      fc.property(
        count,
        count,
        count,
        count,
        (inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens) => {
          const billed = billedTokens({ inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens });
          expect(billed.freshInputTokens + billed.cachedInputTokens + billed.cacheWriteTokens).toBe(
            inputTokens,
          );
          for (const kind of KINDS) expect(billed[kind]).toBeGreaterThanOrEqual(0);
        },
      ),
    );
  });
});

describe("a cost", () => {
  it("is the list price for a million tokens of each kind", () => {
    const sonnet = modelOf("anthropic", "claude-sonnet-5-5");
    expect(costUsd(sonnet, { freshInputTokens: 1_000_000 })).toBe("2");
    expect(costUsd(sonnet, { cachedInputTokens: 1_000_000 })).toBe("0.1");
    expect(costUsd(sonnet, { cacheWriteTokens: 1_000_000 })).toBe("2.5");
    expect(costUsd(sonnet, { outputTokens: 1_000_000 })).toBe("10");
  });

  it("of ten calls of a million tokens, nine from the cache, is $1.95 at Kimi and $0.825 at gpt-4o-mini", () => {
    const tenCalls = { freshInputTokens: 1_000_000, cachedInputTokens: 9_000_000 };
    expect(costUsd(modelOf("kimi", "kimi-k2-0905-preview"), tenCalls)).toBe("1.95");
    expect(costUsd(modelOf("openai", "gpt-4o-mini"), tenCalls)).toBe("0.825");
  });

  it("bills a cache write as fresh input where it has no price of its own", () => {
    const kimi = modelOf("kimi", "kimi-k2.6");
    expect(costUsd(kimi, { cacheWriteTokens: 1_000_000 })).toBe(
      costUsd(kimi, { freshInputTokens: 1_000_000 }),
    );
  });

  it("takes the band of the whole prompt, cached tokens included, for the whole request", () => {
    const haiku = modelOf("anthropic", "claude-haiku-5-5");
    const atLimit = {
      freshInputTokens: 10_000,
      cachedInputTokens: 80_000,
      cacheWriteTokens: 10_000,
      outputTokens: 1000,
    };
    expect(costUsd(haiku, atLimit)).toBe("0.00355");
    expect(costUsd(haiku, { ...atLimit, cachedInputTokens: 80_001 })).toBe("0.01775005");
    expect(costUsd(haiku, { outputTokens: 1_000_000 })).toBe("0.5");

    const luna = modelOf("openai", "gpt-6-luna");
    expect(costUsd(luna, { freshInputTokens: 272_000, outputTokens: 1000 })).toBe("0.0277");
    expect(costUsd(luna, { freshInputTokens: 272_001, outputTokens: 1000 })).toBe("0.0551502");
  });

  it("is rounded half up, once, over the sum of the kinds", () => {
    const rates = { fresh: 400n, cached: 300n, write: 300n, output: 499n };
    const model = { ...modelOf("openai", "gpt-4o"), prices: [price("2026-01-01", "test", rates)] };
    const nano = (tokens: Partial<BilledTokens>) => costOf(model, TODAY, { ...NONE, ...tokens }).costNanoUsd;
    expect(nano({ outputTokens: 1 })).toBe(0n);
    expect(nano({ freshInputTokens: 1 })).toBe(0n);
    expect(nano({ freshInputTokens: 1, cachedInputTokens: 1 })).toBe(1n);
    expect(nano({ cachedInputTokens: 5 })).toBe(2n);
  });

  it("is exact to within the one rounding, whatever the model", () => {
    fc.assert(
      fc.property(anyModel, anyTokens, (model, tokens) => {
        const bands = findPrice(model, TODAY)?.bands ?? [];
        const prompt = tokens.freshInputTokens + tokens.cachedInputTokens + tokens.cacheWriteTokens;
        const band = bands.find(
          ({ upToInputTokens }) => prompt <= (upToInputTokens ?? Number.POSITIVE_INFINITY),
        );
        if (band === undefined) throw new Error("no band");
        const exactPico =
          BigInt(tokens.freshInputTokens) * band.freshInputMicroUsdPerMtok +
          BigInt(tokens.cachedInputTokens) * band.cachedInputMicroUsdPerMtok +
          BigInt(tokens.cacheWriteTokens) * band.cacheWriteMicroUsdPerMtok +
          BigInt(tokens.outputTokens) * band.outputMicroUsdPerMtok;
        const errorPico = costOf(model, TODAY, tokens).costNanoUsd * 1000n - exactPico;
        expect(errorPico > -500n && errorPico <= 500n).toBe(true);
      }),
    );
  });

  it("never falls when a kind of token grows", () => {
    fc.assert(
      fc.property(anyModel, anyTokens, fc.constantFrom(...KINDS), count, (model, tokens, kind, more) => {
        const grown = { ...tokens, [kind]: tokens[kind] + more };
        const before = costOf(model, TODAY, tokens).costNanoUsd;
        expect(costOf(model, TODAY, grown).costNanoUsd >= before).toBe(true);
      }),
    );
  });

  it("adds up over calls to the cost of all their tokens, but for a rounding each", () => {
    const flat = fc.constantFrom(...CATALOGUE.models.filter(({ prices }) => prices[0]?.bands.length === 1));
    fc.assert(
      fc.property(flat, anyTokens, anyTokens, (model, one, other) => {
        const both = { ...NONE };
        for (const kind of KINDS) Object.assign(both, { [kind]: one[kind] + other[kind] });
        const apart = costOf(model, TODAY, one).costNanoUsd + costOf(model, TODAY, other).costNanoUsd;
        const difference = apart - costOf(model, TODAY, both).costNanoUsd;
        expect(difference >= -1n && difference <= 1n).toBe(true);
      }),
    );
  });

  it("is unknown, and not nothing, where nobody knows the price", () => {
    const unknown = { costNanoUsd: 0n, priceStatus: "UNKNOWN" };
    const tokens = { ...NONE, outputTokens: 1000 };
    expect(costOf(undefined, TODAY, tokens)).toEqual(unknown);
    expect(costOf({ ...modelOf("openai", "gpt-4o"), prices: [] }, TODAY, tokens)).toEqual(unknown);
    expect(costOf(modelOf("anthropic", "claude-haiku-5-5"), "2026-10-06", tokens)).toEqual(unknown);
    expect(costOf(modelOf("anthropic", "claude-haiku-5-5"), "2026-10-07", NONE)).toMatchObject({
      priceStatus: "KNOWN",
    });
  });

  it("is at the price of its day, and says which", () => {
    const prices = [
      price("2026-01-01", "test", { fresh: 1_000_000n, cached: 0n, output: 0n }),
      price("2026-06-01", "test", { fresh: 500_000n, cached: 0n, output: 0n }),
    ];
    const model = { ...modelOf("openai", "gpt-4o"), prices };
    const tokens = { ...NONE, freshInputTokens: 1_000_000 };
    expect(costOf(model, "2026-05-31", tokens)).toMatchObject({
      costNanoUsd: 1_000_000_000n,
      priceVersion: "2026-01-01",
    });
    expect(costOf(model, "2026-06-01", tokens)).toMatchObject({
      costNanoUsd: 500_000_000n,
      priceVersion: "2026-06-01",
    });
    expect(findPrice(model, "2025-12-31")).toBeUndefined();
  });

  it.each([-1, 0.5, Number.NaN])("refuses %s tokens by name", (wrong) => {
    expect(() => costOf(undefined, TODAY, { ...NONE, cacheWriteTokens: wrong })).toThrow(
      /^cacheWriteTokens must be/,
    );
  });
});

describe("what a prompt cache saved", () => {
  const savedUsd = (model: CatalogueModel, tokens: Partial<BilledTokens>): string =>
    usdFromNano(cacheSavingOf(model, TODAY, { ...NONE, ...tokens }));

  it("is the difference to the fresh price for what was read, less the surcharge for what was written", () => {
    const sonnet = modelOf("anthropic", "claude-sonnet-5-5");
    expect(savedUsd(sonnet, { cachedInputTokens: 1_000_000 })).toBe("1.9");
    expect(savedUsd(sonnet, { cacheWriteTokens: 1_000_000 })).toBe("-0.5");
    const both = { freshInputTokens: 5_000, cachedInputTokens: 100_000, cacheWriteTokens: 20_000 };
    expect(savedUsd(sonnet, { ...both, outputTokens: 900 })).toBe("0.18");
  });

  it("of nine hits of a million tokens is $4.05 at Kimi, whose cached price is a quarter of its full one", () => {
    const tenCalls = { freshInputTokens: 1_000_000, cachedInputTokens: 9_000_000 };
    expect(savedUsd(modelOf("kimi", "kimi-k2-0905-preview"), tenCalls)).toBe("4.05");
  });

  it("is at the band of the whole prompt", () => {
    const haiku = modelOf("anthropic", "claude-haiku-5-5");
    expect(savedUsd(haiku, { cachedInputTokens: 100_000 })).toBe("0.009");
    expect(savedUsd(haiku, { cachedInputTokens: 100_000, freshInputTokens: 1 })).toBe("0.045");
  });

  it("and the cost are together what the tokens cost without a cache, to the nano-USD", () => {
    fc.assert(
      fc.property(anyModel, anyTokens, (model, tokens) => {
        const { freshInputTokens, cachedInputTokens, cacheWriteTokens, outputTokens } = tokens;
        const inputTokens = freshInputTokens + cachedInputTokens + cacheWriteTokens;
        const uncached = { ...NONE, freshInputTokens: inputTokens, outputTokens };
        const { costNanoUsd } = costOf(model, TODAY, tokens);
        expect(costNanoUsd + cacheSavingOf(model, TODAY, tokens)).toBe(
          costOf(model, TODAY, uncached).costNanoUsd,
        );
      }),
    );
  });

  it("is the formula of the prices to within a rounding, whatever the model", () => {
    fc.assert(
      fc.property(anyModel, anyTokens, (model, tokens) => {
        const prompt = tokens.freshInputTokens + tokens.cachedInputTokens + tokens.cacheWriteTokens;
        const band = findPrice(model, TODAY)?.bands.find(
          ({ upToInputTokens }) => prompt <= (upToInputTokens ?? Number.POSITIVE_INFINITY),
        );
        if (band === undefined) throw new Error("no band");
        const fresh = band.freshInputMicroUsdPerMtok;
        const exactPico =
          BigInt(tokens.cachedInputTokens) * (fresh - band.cachedInputMicroUsdPerMtok) -
          BigInt(tokens.cacheWriteTokens) * (band.cacheWriteMicroUsdPerMtok - fresh);
        const errorPico = cacheSavingOf(model, TODAY, tokens) * 1000n - exactPico;
        expect(errorPico >= -1000n && errorPico <= 1000n).toBe(true);
      }),
    );
  });

  it("is nothing that anybody knows where the price is not known", () => {
    expect(cacheSavingOf(undefined, TODAY, { ...NONE, cachedInputTokens: 1_000 })).toBe(0n);
  });
});

describe("an amount in dollars", () => {
  it.each([
    [0n, "0"],
    [1n, "0.000000001"],
    [1_950_000_000n, "1.95"],
    [12_000_000_000n, "12"],
    [-28_500_000n, "-0.0285"],
  ])("of %d nano-USD reads %s", (nano, usd) => {
    expect(usdFromNano(nano)).toBe(usd);
  });

  it("loses nothing", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n }), (nano) => {
        const [whole = "", fraction = ""] = usdFromNano(nano).split(".");
        expect(BigInt(whole + fraction.padEnd(9, "0"))).toBe(nano);
      }),
    );
  });
});
