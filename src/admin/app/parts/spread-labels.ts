/**
 * Where labels stand that are to be beside their lines and not on each other, in the order of the lines from top to bottom.
 * @param middles of what is labelled, in px from the top, ascending
 * @param step the height of a label, in px
 * @param height of the picture, in px; with more labels than fit they go on below it
 * @returns the upper edge of each label, in px
 */
export function spreadLabels(middles: readonly number[], step: number, height: number): readonly number[] {
  const tops: number[] = [];
  for (const middle of middles) tops.push(Math.max(middle - step / 2, 0, (tops.at(-1) ?? -step) + step));
  const lowest = Math.max(height, middles.length * step) - step;
  return tops.map((top, index) => Math.min(top, lowest - (middles.length - 1 - index) * step));
}
