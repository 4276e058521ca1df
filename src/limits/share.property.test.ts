import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { shareOf } from "./share.ts";

const wants = fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 6 });
const limits = fc.integer({ min: 1, max: 50 });

/** What each of them reckons for itself. */
const sharesOf = (limit: number, all: readonly number[]): readonly number[] =>
  all.map((wanted, place) =>
    shareOf(limit, wanted, { before: all.slice(0, place), after: all.slice(place + 1) }),
  );
const sum = (some: readonly number[]): number => some.reduce((total, one) => total + one, 0);

describe("shares of the calls at a time", () => {
  it("are the limit in all where as much is wanted, and what is wanted where it is not", () => {
    fc.assert(
      fc.property(limits, wants, (limit, all) => {
        const shares = sharesOf(limit, all);
        const rest = limit - sum(all);
        if (rest <= 0) expect(sum(shares)).toBe(limit);
        else expect(shares).toEqual(all.map((want) => want + rest));
      }),
    );
  });

  it("are as much as another's, or all that is wanted", () => {
    fc.assert(
      fc.property(limits, wants, (limit, all) => {
        const shares = sharesOf(limit, all);
        const most = Math.max(...shares);
        const isFair = (share: number, place: number) => share === all[place] || share >= most - 1;
        if (sum(all) >= limit) expect(shares.every(isFair), `${all} of ${limit}: ${shares}`).toBe(true);
      }),
    );
  });

  it("go to the one that wants any", () => {
    expect(sharesOf(12, [0, 12, 0])[1]).toBe(12);
    expect(sharesOf(12, [12, 12, 12])).toEqual([4, 4, 4]);
    expect(sharesOf(12, [1, 12, 12])).toEqual([1, 5, 6]);
  });
});
