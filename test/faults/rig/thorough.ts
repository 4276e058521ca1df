/** `npm run faults` goes to the numbers of the fault list; `npm test` to as many as show a mistake in a few seconds. */
export const isThorough = process.env.MODELTIER_FAULTS === "all";
