import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { count, exactUsd, nanoUsdOf, percent, span, usd } from "./format.ts";

describe("money", () => {
  it.each([
    [0n, "$0", "$0.00"],
    [1n, "$0.000000001", "$0.000000001"],
    [4_203_100n, "$0.00420", "$0.0042031"],
    [12_400_000_000n, "$12.40", "$12.40"],
    [1_240_499_000_000n, "$1,240", "$1,240.499"],
    [-150_000_000n, "−$0.150", "−$0.15"],
  ])("%s nano-USD is %s, and exactly %s", (nano, short, exact) => {
    expect([usd(nano), exactUsd(nano)]).toEqual([short, exact]);
  });

  it("is read by moving its digits, and none is rounded", () => {
    expect([nanoUsdOf("0.15"), nanoUsdOf("25"), nanoUsdOf("0.000000001")]).toEqual([
      150_000_000n,
      25_000_000_000n,
      1n,
    ]);
  });

  it("loses no digit in its exact form, however large", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 20n }), (nano) => {
        const [whole = "", fraction = ""] = exactUsd(nano).replace(/[$,]/g, "").split(".");
        expect(BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, "0"))).toBe(nano);
      }),
    );
  });
});

describe("numbers with their units", () => {
  it.each([
    [9_999, "9,999"],
    [12_400, "12.4k"],
    [1_200_000n, "1.20M"],
  ])("%s is %s", (value, text) => expect(count(value)).toBe(text));

  it.each([
    [0, "0 ms"],
    [0.42, "0.42 ms"],
    [412.4, "412 ms"],
    [1_240, "1.24 s"],
    [185_000, "3 min 5 s"],
  ])("%s ms is %s", (ms, text) => expect(span(ms)).toBe(text));

  it.each([
    [0, "0 %"],
    [0.0042, "0.42 %"],
    [0.6432, "64.3 %"],
    [1, "100 %"],
  ])("a share of %s is %s", (share, text) => expect(percent(share)).toBe(text));
});
