import { expect, it } from "vitest";
import { LOOK_MS, PressureGauge } from "./pressure.ts";

/** Looks that come so much too late, one after another. */
function lookedLate(...lagsMs: readonly number[]): PressureGauge {
  const gauge = new PressureGauge(100, 0);
  let nowMs = 0;
  for (const lagMs of lagsMs) {
    nowMs += LOOK_MS + lagMs;
    gauge.look(nowMs, 0.5);
  }
  return gauge;
}

it("takes one long pause for a pause", () => {
  expect(lookedLate(0, 0, 5_000).pressure).toBe("none");
  expect(lookedLate(5_000, 5_000, 0).pressure).toBe("none");
});

it("calls the loop late once it has been late for three looks, and very late from two and a half times that", () => {
  expect(lookedLate(100, 100, 100).pressure).toBe("none");
  expect(lookedLate(101, 300, 300).pressure).toBe("late");
  expect(lookedLate(251, 300, 300).pressure).toBe("very_late");
});

it("is at ease again with the first look that is in time", () => {
  expect(lookedLate(300, 300, 300, 0).pressure).toBe("none");
});

it("names a heap beyond 85 % of its limit before all else", () => {
  const gauge = lookedLate(300, 300, 300);
  gauge.look(10_000, 0.86);
  expect(gauge.pressure).toBe("heap");
  gauge.look(10_010, 0.85);
  expect(gauge.pressure).not.toBe("heap");
});
