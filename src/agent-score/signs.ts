/** How much each kind of sign of a step counts on a tier beyond what the scorer says of it: what outcomes teach of everyone. */
import type { Line, Worth } from "./evidence.ts";
import { harderThanUsual } from "./prior.ts";
import { solved } from "./solve.ts";
import type { Evidence, Forecast, SignSums } from "./types.ts";

/** A line, and what a sign adds to it. */
export type SignedLine = Line & Readonly<{ signs: readonly number[] }>;

/**
 * The signs of a step, its difficulty first, in units of a tenth of success, which is what z of a score stands for. Together they are all
 * that was foretold, so that everyone's outcomes can take all of it back.
 */
export function signsOf(forecast: Forecast | undefined): readonly number[] | undefined {
  if (forecast?.signs === undefined || forecast.signs.length === 0) return undefined;
  return [harderThanUsual(forecast), ...forecast.signs].map((sign) => 10 * sign);
}

export const sumOfSigns = (weights: readonly number[], signs: readonly number[] | undefined): number =>
  signs === undefined ? 0 : weights.reduce((sum, weight, index) => sum + weight * (signs[index] ?? 0), 0);

/**
 * The ridge estimate of the line and the signs' weights together; that of a sign is held to 0, where it counts as the scorer says: that of
 * difficulty as firmly as the slope.
 */
export function signedLine(
  { n, z, zz, y, zy, signs }: Evidence,
  prior: Line,
  worth: Worth & Readonly<{ sign: number }>,
): SignedLine {
  const { x = [], zx = [], xx = [], xy = [] } = signs ?? {};
  const matrix = [[n + worth.level], [z, zz + worth.slope]];
  const right = [y + worth.level * prior.level, zy + worth.slope * prior.slope, ...xy];
  for (const index of x.keys()) {
    const from = (index * (index + 1)) / 2;
    const own = xx.slice(from, from + index + 1);
    own[index] = (own[index] ?? 0) + (index === 0 ? worth.slope : worth.sign);
    matrix.push([x[index] ?? 0, zx[index] ?? 0, ...own]);
  }
  const [level = 0, slope = 0, ...weights] = solved(mirrored(matrix), right);
  return { level, slope, signs: weights };
}

/** From the lower half of a symmetric matrix all of it. */
const mirrored = (lower: readonly (readonly number[])[]): number[][] =>
  lower.map((row, index) =>
    lower.map((other, column) => (column <= index ? row[column] : other[index]) ?? 0),
  );

/** The evidence less what the signs' weights say of it: what is left is the line's. */
export function lessSigns(evidence: Evidence, weights: readonly number[]): Evidence {
  const { y, zy, signs } = evidence;
  if (signs === undefined) return evidence;
  return { ...evidence, y: y - sumOfSigns(weights, signs.x), zy: zy - sumOfSigns(weights, signs.zx) };
}

/**
 * The sums with one more outcome's signs. Signs of another number are those of another release, which cannot be told from one another:
 * the sums start anew.
 * @param withProducts the sums are everyone's
 */
export function addSigns(
  sums: SignSums | undefined,
  signs: readonly number[] | undefined,
  { z, y }: Readonly<{ z: number; y: number }>,
  withProducts: boolean,
): SignSums | undefined {
  if (signs === undefined) return sums;
  const kept = sums?.x.length === signs.length ? sums : undefined;
  const plus = (before: readonly number[] | undefined, by: number) =>
    signs.map((sign, index) => (before?.[index] ?? 0) + by * sign);
  const added = { x: plus(kept?.x, 1), zx: plus(kept?.zx, z) };
  if (!withProducts) return added;
  let place = 0;
  const xx = signs.flatMap((sign, index) =>
    signs.slice(0, index + 1).map((other) => (kept?.xx?.[place++] ?? 0) + sign * other),
  );
  return { ...added, xx, xy: plus(kept?.xy, y) };
}

export function fadedSigns({ x, zx, xx, xy }: SignSums, by: number): SignSums {
  const faded = (sums: readonly number[]) => sums.map((sum) => sum * by);
  return {
    x: faded(x),
    zx: faded(zx),
    ...(xx !== undefined && { xx: faded(xx) }),
    ...(xy !== undefined && { xy: faded(xy) }),
  };
}
