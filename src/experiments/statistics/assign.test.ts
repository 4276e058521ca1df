import { expect, it } from "vitest";
import { assign } from "./assign.ts";

const UNITS = Array.from({ length: 20_000 }, (_, i) => `session-${i}`);
const arms = (weights: Record<string, number>) =>
  Object.entries(weights).map(([name, weight]) => ({ name, weight }));
const counts = (names: readonly string[]) =>
  Object.fromEntries(
    Object.entries(Object.groupBy(names, (name) => name)).map(([name, all]) => [name, all?.length ?? 0]),
  );

it("gives a unit the same arm every time, in whatever order arms are listed", () => {
  const forward = UNITS.map((unit) => assign("e", unit, arms({ old: 1, fresh: 1 })));
  expect(UNITS.map((unit) => assign("e", unit, arms({ fresh: 1, old: 1 })))).toEqual(forward);
});

it("gives every arm its share", () => {
  const shares = counts(UNITS.map((unit) => assign("e", unit, arms({ a: 0.7, b: 0.2, c: 0.1, none: 0 }))));
  expect(shares.none).toBeUndefined();
  for (const [name, share] of [
    ["a", 0.7],
    ["b", 0.2],
    ["c", 0.1],
  ] as const) {
    expect((shares[name] ?? 0) / UNITS.length).toBeCloseTo(share, 1.7);
  }
});

it("moves units into the arm that grows, and no other, as the ramp moves", () => {
  const ramp = [0.01, 0.05, 0.2, 0.5, 0.9].map((fresh) =>
    arms({ fresh, old: 0.3 * (1 - fresh), outside: 0.7 * (1 - fresh) }),
  );
  for (const unit of UNITS.slice(0, 5_000)) {
    const path = ramp.map((step) => assign("e", unit, step));
    const moves = path.slice(1).filter((arm, i) => arm !== path[i]);
    expect(moves.length).toBeLessThanOrEqual(1);
    expect(moves.every((arm) => arm === "fresh")).toBe(true);
  }
});

it("assigns one experiment independently of another", () => {
  const both = UNITS.map((unit) =>
    ["one", "two"].map((name) => assign(name, unit, arms({ old: 1, fresh: 1 }))).join(),
  );
  for (const count of Object.values(counts(both))) expect(count / UNITS.length).toBeCloseTo(0.25, 1.7);
});

it.each([
  [[{ name: "a", weight: -1 }], "weight of arm a"],
  [[{ name: "a", weight: Number.NaN }], "weight of arm a"],
  [
    [
      { name: "a", weight: 1 },
      { name: "a", weight: 1 },
    ],
    "arm a is there twice",
  ],
  [[{ name: "a", weight: 0 }], "needs an arm with a weight above 0"],
  [[], "needs an arm with a weight above 0"],
])("refuses %o", (wrong, message) => {
  expect(() => assign("e", "unit", wrong)).toThrow(message);
});
