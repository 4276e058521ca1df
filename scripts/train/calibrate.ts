/** What scores mean: which share of the training traffic lies below each. */
import type { Calibration } from "../../src/scoring/calibration.ts";
import type { Row } from "./rows.ts";

/** Shipped shares: 40 % of traffic scores below 3.0, and 20 % above 6.5. */
const TO_FAST = 0.4;
const TO_BALANCED = 0.8;

/** Quantiles of out-of-fold outputs, every source counting the same. */
export function calibrationOf(rows: readonly Row[], raw: Float64Array): Calibration {
  const counts = new Map<string, number>();
  for (const { source } of rows) counts.set(source, (counts.get(source) ?? 0) + 1);
  const order = [...rows.keys()].sort((one, other) => (raw[one] ?? 0) - (raw[other] ?? 0));
  const quantiles: number[] = [];
  let share = 0;
  for (const index of order) {
    share += 1 / counts.size / (counts.get(rows[index]?.source ?? "") ?? 1);
    while (quantiles.length < 99 && share >= (quantiles.length + 1) / 100) {
      quantiles.push(Math.round((raw[index] ?? 0) * 1e6) / 1e6);
    }
  }
  return { quantiles, toFast: TO_FAST, toBalanced: TO_BALANCED };
}
