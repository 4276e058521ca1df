const FIRST_MS = 100;
const LONGEST_MS = 10_000;

/** A worker that lived so long was well: the next waits as if it were the first to die. */
export const STEADY_MS = 60_000;

/**
 * How long to wait before a worker is replaced, doubling with every death that followed soon on the one before.
 * @param deaths in a row, at least 1
 * @returns ms in [100, 10000]
 */
export const restartDelayMs = (deaths: number): number => Math.min(LONGEST_MS, FIRST_MS * 2 ** (deaths - 1));

/** @returns the deaths in a row, with the one of a worker that lived for `livedMs` */
export const countDeath = (deathsBefore: number, livedMs: number): number =>
  livedMs >= STEADY_MS ? 1 : deathsBefore + 1;
