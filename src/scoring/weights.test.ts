import { statSync } from "node:fs";
import { expect, it } from "vitest";
import { shippedWeights } from "./weights.ts";

it("ships weights that are whole, of these features, and below a megabyte", () => {
  expect(shippedWeights().version).toMatch(/^[0-9a-f]{12}$/);
  expect(statSync(new URL("weights.model", import.meta.url)).size).toBeLessThan(1_000_000);
});

it("ships the shares that the README states: 40 % below 3.0 and 20 % above 6.5", () => {
  expect(shippedWeights().calibration).toMatchObject({ toFast: 0.4, toBalanced: 0.8 });
});
