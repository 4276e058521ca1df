/** How much of the long faults is run: all of it with MODELTIER_FAULTS=all, a short form of each otherwise. */
export const ALL_FAULTS = process.env.MODELTIER_FAULTS === "all";
