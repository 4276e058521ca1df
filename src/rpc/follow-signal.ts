/** Many short-lived listeners to one long-lived signal. */

type Follower = { index: number; readonly onAbort: () => void };

/**
 * In an array without gaps, where whoever has gone leaves no trace. In the list that a signal keeps, each listener leads to the next one:
 * once one that has gone is among the old objects, the collector keeps all that came after it, calls and all, until it looks through
 * the whole heap.
 */
class Followers {
  readonly #all: Follower[] = [];

  constructor(signal: AbortSignal) {
    signal.addEventListener("abort", () => {
      for (const { onAbort } of [...this.#all]) onAbort();
    });
  }

  add(onAbort: () => void): Follower {
    const follower = { index: this.#all.length, onAbort };
    this.#all.push(follower);
    return follower;
  }

  /** The last takes its place. */
  remove(follower: Follower): void {
    if (this.#all[follower.index] !== follower) return;
    const last = this.#all.pop() as Follower;
    if (last === follower) return;
    this.#all[follower.index] = last;
    last.index = follower.index;
  }
}

const followersOf = new WeakMap<AbortSignal, Followers>();

/**
 * @param signal of the service's life or the like @param onAbort at once when it is aborted already
 * @returns what to call when it no longer matters; more than once is as good as once
 */
export function followSignal(signal: AbortSignal, onAbort: () => void): () => void {
  if (signal.aborted) {
    onAbort();
    return () => undefined;
  }
  let followers = followersOf.get(signal);
  if (followers === undefined) {
    followers = new Followers(signal);
    followersOf.set(signal, followers);
  }
  const all = followers;
  const follower = all.add(onAbort);
  return () => all.remove(follower);
}
