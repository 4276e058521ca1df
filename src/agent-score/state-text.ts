/** What was learned, as it is kept. */
import type { Level } from "./types.ts";

/** Enough for what fades within a thousandth of a second to fade at all. */
const DIGITS = 10;

/** JSON, with sums to ten digits: as they are computed they are twice as long. */
export const stateText = (state: Level): string =>
  JSON.stringify(state, (key, value: unknown) =>
    typeof value === "number" && key !== "lastMs" ? Number(value.toPrecision(DIGITS)) : value,
  );
