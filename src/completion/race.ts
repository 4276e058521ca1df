/** One attempt or two side by side: which of them speaks first, and when the first of them is late. */
import type { Attempt } from "./attempt.ts";
import type { ContentEvent } from "./events.ts";

/** What one of them said: content, or nothing when it has ended. */
export type Said<R> = Readonly<{ from: R; content: readonly ContentEvent[] }>;

export class Race<R extends Readonly<{ attempt: Attempt }>> {
  /** An attempt may not be asked again before it has answered, so each promise is kept until it has. */
  readonly #answers = new Map<R, Promise<Said<R>>>();
  readonly #timer: NodeJS.Timeout;
  #late: Promise<"late"> | undefined;
  #speaker: R | undefined;

  /** @param lateAfterMs how long the first may be silent, from now */
  constructor(first: R, lateAfterMs: number) {
    const { promise, resolve } = Promise.withResolvers<"late">();
    this.#timer = setTimeout(() => resolve("late"), Math.ceil(lateAfterMs));
    this.#late = promise;
    this.enter(first);
  }

  enter(runner: R): void {
    const answer = runner.attempt.next().then((content) => {
      if (content.length > 0 || runner.attempt.end?.kind === "finished") this.#speaks(runner);
      return { from: runner, content };
    });
    this.#answers.set(runner, answer);
  }

  leave(runner: R): void {
    this.#answers.delete(runner);
  }

  /** The next that happens: somebody speaks, somebody fails, or the first is late, which comes once at most. */
  async next(): Promise<Said<R> | "late"> {
    const spoken = this.#speaker && this.#answers.get(this.#speaker);
    const news = await (spoken ??
      Promise.race([...this.#answers.values(), ...(this.#late ? [this.#late] : [])]));
    if (news === "late") this.#late = undefined;
    return news;
  }

  /** Lets go of the timer. What is still awaited may never come. */
  end(): void {
    clearTimeout(this.#timer);
  }

  /** Whoever else runs is closed in the same tick, also while nobody reads what was said. */
  #speaks(runner: R): void {
    this.#speaker ??= runner;
    for (const { attempt } of this.#answers.keys()) {
      if (attempt !== this.#speaker.attempt) attempt.stop({ kind: "hedged_out" });
    }
  }
}
