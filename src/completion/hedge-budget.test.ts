import { expect, it } from "vitest";
import { HedgeBudget } from "./hedge-budget.ts";

it("has room for one hedge in twenty calls, and never for the first of a few", () => {
  const budget = new HedgeBudget();
  let hedges = 0;
  for (let call = 1; call <= 205; call += 1) {
    budget.countCall(call);
    if (!budget.hasRoom(call, 0.05)) continue;
    budget.take(call);
    hedges += 1;
    expect(hedges).toBeLessThanOrEqual(call * 0.05);
  }
  expect(hedges).toBe(10);
});

it("does not save up: a quiet minute later the old calls count no more", () => {
  const budget = new HedgeBudget();
  for (let call = 0; call < 1_000; call += 1) budget.countCall(0);
  expect(budget.hasRoom(59_999, 0.05)).toBe(true);
  expect(budget.hasRoom(61_000, 0.05)).toBe(false);
});

it("has none where the share is 0", () => {
  const budget = new HedgeBudget();
  for (let call = 0; call < 1_000; call += 1) budget.countCall(0);
  expect(budget.hasRoom(0, 0)).toBe(false);
});
