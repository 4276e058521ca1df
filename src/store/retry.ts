/** How often to try again, and how often to say so. */
import { setTimeout as sleep } from "node:timers/promises";

const FIRST_MS = 100;
const LONGEST_MS = 2_000;

/**
 * Waits before the next try: doubling from 100 ms to 2 s, of which the second half is random, so that replicas do not
 * come back all at once. Returns at once when the signal is or gets aborted.
 * @param failures in a row, from 1
 * @param random in [0, 1)
 */
export async function backOff(failures: number, random: number, signal: AbortSignal): Promise<void> {
  const fullMs = Math.min(FIRST_MS * 2 ** (failures - 1), LONGEST_MS);
  await sleep((fullMs * (1 + random)) / 2, undefined, { signal }).catch(() => undefined);
}

/** True for the 1st, 2nd, 4th, 8th … failure in a row: seen at once, and an outage of hours is a dozen lines. */
export const isWorthALine = (failures: number): boolean => (failures & (failures - 1)) === 0;
