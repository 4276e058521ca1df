/** What led to a tier, in the order it was applied. */
import type { Cause } from "./types.ts";

/** One step of the way; the tier before it is the one after the step before. */
export type Move = Omit<Cause, "before">;

export const chainMoves = (moves: readonly Move[]): readonly Cause[] =>
  moves.map((move, position) => {
    const before = moves[position - 1]?.after;
    if (before === undefined) return move;
    const { kind, after, detail } = move;
    return { kind, before, after, detail };
  });
