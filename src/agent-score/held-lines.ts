/** The lines of all tiers together, held to those above: what an agent fails on one tier it tends to fail on the others, too. */
import { TIERS, type Tier } from "../routing/types.ts";
import type { Line, Worth } from "./evidence.ts";
import { solved } from "./solve.ts";
import type { Evidence } from "./types.ts";

type ByTier<T> = Readonly<Record<Tier, T>>;

/** What tiers have in common of an agent varies so much more than what sets one of them apart: it is held by a fourth of the outcomes. */
const IN_COMMON = 4;
/** Of the inverse of a matrix that is 1 + IN_COMMON on its diagonal and IN_COMMON elsewhere. */
const TOGETHER = IN_COMMON / (1 + IN_COMMON * TIERS.length);

/**
 * The ridge estimate of each tier's line, all at once. Without evidence they are the prior's; evidence of one tier moves the others, too,
 * as far as they have none of their own.
 * @param worth how many outcomes hold what sets a tier apart
 */
export function heldLines(
  evidence: ByTier<Evidence>,
  prior: ByTier<Line>,
  worth: Worth,
): Readonly<Record<Tier, Line>> {
  const size = 2 * TIERS.length;
  const matrix = Array.from({ length: size }, () => new Array<number>(size).fill(0));
  const right = new Array<number>(size).fill(0);
  const add = (row: number, column: number, value: number) => {
    const cells = matrix[row] as number[];
    cells[column] = (cells[column] ?? 0) + value;
  };
  for (const [index, tier] of TIERS.entries()) {
    const { n, z, zz, y, zy } = evidence[tier];
    const { level, slope } = prior[tier];
    const at = 2 * index;
    add(at, at, n);
    add(at, at + 1, z);
    add(at + 1, at, z);
    add(at + 1, at + 1, zz);
    right[at] = y - level * n - slope * z;
    right[at + 1] = zy - level * z - slope * zz;
    for (const other of TIERS.keys()) {
      const held = (other === index ? 1 : 0) - TOGETHER;
      add(at, 2 * other, worth.level * held);
      add(at + 1, 2 * other + 1, worth.slope * held);
    }
  }
  const moved = solved(matrix, right);
  return Object.fromEntries(
    TIERS.map((tier, index) => {
      const { level, slope } = prior[tier];
      return [tier, { level: level + (moved[2 * index] ?? 0), slope: slope + (moved[2 * index + 1] ?? 0) }];
    }),
  ) as Record<Tier, Line>;
}
