import { describe, expect, it } from "vitest";
import { HOUR_MS } from "./calendar.ts";
import { projectMonth } from "./projection.ts";
import { type HourTotals, minus, NOTHING, plus, totalsIn } from "./totals.ts";

const at = (text: string): Date => new Date(text);
const november = { from: at("2026-11-01T00:00:00Z"), to: at("2026-12-01T00:00:00Z") };
const USD = 1_000_000_000n;

/** So much in every hour of a span. */
function steadily(from: Date, to: Date, costNanoUsd: bigint): HourTotals[] {
  const hours = (to.getTime() - from.getTime()) / HOUR_MS;
  return Array.from({ length: hours }, (_, index) => ({
    hour: new Date(from.getTime() + index * HOUR_MS),
    totals: { ...NOTHING, executions: 1n, costNanoUsd },
  }));
}

describe("what a month is heading for", () => {
  it("is what is spent and the rate of the last seven days for the rest", () => {
    const now = at("2026-11-21T00:00:00Z");
    const hours = [
      ...steadily(november.from, at("2026-11-14T00:00:00Z"), 10n * USD),
      ...steadily(at("2026-11-14T00:00:00Z"), now, USD),
    ];
    const { spentNanoUsd, projectedNanoUsd, explanation } = projectMonth(
      november,
      hours,
      at("2026-10-01T00:00:00Z"),
      now,
    );
    expect(spentNanoUsd).toBe((13n * 24n * 10n + 7n * 24n) * USD);
    expect(projectedNanoUsd).toBe(spentNanoUsd + 10n * 24n * USD);
    expect(explanation).toBe(
      "$3,288.00 so far, and for the 10.0 days that are left $24.00 a day, the mean of the last 7.0 days.",
    );
  });

  it("goes by the time since the first call where that is shorter", () => {
    const now = at("2026-11-02T12:00:00Z");
    const first = at("2026-11-02T00:00:00Z");
    const { spentNanoUsd, projectedNanoUsd } = projectMonth(november, steadily(first, now, USD), first, now);
    expect(spentNanoUsd).toBe(12n * USD);
    expect(projectedNanoUsd).toBe(12n * USD + 684n * USD);
  });

  it("counts last month's days towards the rate, and not towards what is spent", () => {
    const now = at("2026-11-02T00:00:00Z");
    const since = at("2026-10-20T00:00:00Z");
    const { spentNanoUsd, projectedNanoUsd } = projectMonth(november, steadily(since, now, USD), since, now);
    expect(spentNanoUsd).toBe(24n * USD);
    expect(projectedNanoUsd).toBe(30n * 24n * USD);
  });

  it.each([undefined, at("2026-11-02T00:00:00Z")])(
    "is not known within an hour of the first call",
    (first) => {
      const { projectedNanoUsd } = projectMonth(november, [], first, at("2026-11-02T00:59:00Z"));
      expect(projectedNanoUsd).toBeUndefined();
    },
  );
});

describe("totals", () => {
  it("take an hour by the part of it that belongs to the period", () => {
    const hours = steadily(at("2026-11-02T00:00:00Z"), at("2026-11-02T03:00:00Z"), 100n);
    const period = { from: at("2026-11-02T01:00:00Z"), to: at("2026-11-02T02:45:00Z") };
    expect(totalsIn(period, hours).totals).toEqual({ ...NOTHING, executions: 1n, costNanoUsd: 175n });
  });

  it("are taken from each other as they are added", () => {
    const some = { ...NOTHING, executions: 3n, cacheSavingNanoUsd: -5n };
    expect(minus(plus(some, some), some)).toEqual(some);
  });
});
