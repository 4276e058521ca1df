/** How replicas share a key's calls at a time: by what each of them wants, the same sum at every one. */

/** What the others want, by whether their names come before this one's or after it. */
export type OthersWant = Readonly<{ before: readonly number[]; after: readonly number[] }>;

/**
 * What one of them may have under way. Those who want little get it, the others as much as each other; where they want less than the limit
 * in all, any of them may take the rest.
 * @param limit of all together; at least 1
 * @param wanted calls at a time that this one wants
 * @returns 0 to `limit`; the shares of all sum up to `limit` where they want as much in all
 */
export function shareOf(limit: number, wanted: number, { before, after }: OthersWant): number {
  const wants = [...before, wanted, ...after].map((want, place) => ({ want: Math.min(want, limit), place }));
  wants.sort((one, other) => one.want - other.want || one.place - other.place);
  let left = limit;
  let own = 0;
  wants.forEach(({ want, place }, index) => {
    const given = Math.min(want, Math.floor(left / (wants.length - index)));
    left -= given;
    if (place === before.length) own = given;
  });
  return own + left;
}
