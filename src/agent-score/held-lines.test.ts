import fc from "fast-check";
import { expect, it } from "vitest";
import { TIERS } from "../routing/types.ts";
import { addOutcome, type Line, newLevel } from "./evidence.ts";
import { heldLines } from "./held-lines.ts";
import { solved } from "./solve.ts";

const WORTH = { level: 20, slope: 500 };
const expected = (level: number): Line => ({ level, slope: -0.1 });
const PRIOR = { fast: expected(0.7), balanced: expected(0.75), powerful: expected(0.8) };

const seen = (outcomes: readonly (readonly [tier: (typeof TIERS)[number], z: number, y: number])[]) =>
  outcomes.reduce((level, [tier, z, y]) => addOutcome(level, { tier, z, y, atMs: 1 }, {}), newLevel()).tiers;
const many = (tier: (typeof TIERS)[number], y: number, times: number) =>
  Array.from({ length: times }, () => [tier, 0, y] as const);

it("is the prior where nothing was seen", () => {
  expect(heldLines(seen([]), PRIOR, WORTH)).toEqual(PRIOR);
});

it("expects of a tier that was not called some of what was seen on another", () => {
  const { fast, powerful } = heldLines(seen(many("powerful", 0, 50)), PRIOR, WORTH);
  expect(powerful.level).toBeLessThan(0.15);
  expect(fast.level).toBeLessThan(0.3);
  expect(PRIOR.fast.level - fast.level).toBeLessThan(PRIOR.powerful.level - powerful.level);
});

it("believes a tier's own outcomes over those of another", () => {
  const tiers = seen([...many("powerful", 0, 500), ...many("fast", 1, 500)]);
  const { fast, powerful } = heldLines(tiers, PRIOR, WORTH);
  expect(fast.level).toBeGreaterThan(0.95);
  expect(powerful.level).toBeLessThan(0.05);
});

it("draws the least-squares line where there are outcomes enough", () => {
  const tiers = seen(
    TIERS.flatMap((tier) =>
      Array.from({ length: 30_000 }, (_, i) => [tier, (i % 5) - 2, 0.5 + 0.05 * ((i % 5) - 2)] as const),
    ),
  );
  for (const { level, slope } of Object.values(heldLines(tiers, PRIOR, WORTH))) {
    expect(level).toBeCloseTo(0.5, 2);
    expect(slope).toBeCloseTo(0.05, 2);
  }
});

it("solves any few equations of a ridge", () => {
  const row = fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: 5, maxLength: 5 });
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 8 }), row, (rows, wanted) => {
      const matrix = wanted.map((_, i) =>
        wanted.map((__, j) =>
          rows.reduce((sum, one) => sum + (one[i] ?? 0) * (one[j] ?? 0), i === j ? 1 : 0),
        ),
      );
      const right = matrix.map((cells) => cells.reduce((sum, cell, j) => sum + cell * (wanted[j] ?? 0), 0));
      for (const [i, value] of solved(matrix, right).entries()) expect(value).toBeCloseTo(wanted[i] ?? 0, 6);
    }),
    { numRuns: 100 },
  );
});
