/** Both ends included; ±Infinity: nothing is known on that side. */
export type Interval = Readonly<{ estimate: number; lower: number; upper: number }>;

/** One mean minus another. Each interval must hold at half the error that the difference may have: the errors add up. */
export const difference = (one: Interval, other: Interval): Interval => ({
  estimate: one.estimate - other.estimate,
  lower: one.lower - other.upper,
  upper: one.upper - other.lower,
});
