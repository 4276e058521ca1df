import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { spreadLabels } from "./spread-labels.ts";

describe("labels beside their lines", () => {
  it("stand at the middle of what they label where there is room", () => {
    expect(spreadLabels([40, 100], 18, 180)).toEqual([31, 91]);
  });

  it("make room for each other, and stay inside the picture", () => {
    expect(spreadLabels([0, 4, 180, 180], 18, 180)).toEqual([0, 18, 144, 162]);
  });

  it("never lie on each other, whatever the lines", () => {
    const middles = fc.array(fc.double({ min: 0, max: 180, noNaN: true }), { maxLength: 7 });
    fc.assert(
      fc.property(middles, (some) => {
        const tops = spreadLabels(
          [...some].sort((a, b) => a - b),
          18,
          180,
        );
        for (const [index, top] of tops.entries()) {
          expect(top).toBeGreaterThanOrEqual(-1e-9);
          expect(top).toBeLessThanOrEqual(162 + 1e-9);
          if (index > 0) expect(top - (tops[index - 1] ?? 0)).toBeGreaterThanOrEqual(18 - 1e-9);
        }
      }),
    );
  });
});
