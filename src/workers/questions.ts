/** Questions to another process, each waiting for the answer with its number. */
export class Questions<Answer> {
  readonly #waiting = new Map<number, (answer: Answer | undefined) => void>();
  #last = 0;

  /**
   * @param put sends the question with its number
   * @returns undefined when no answer came in time
   */
  ask(put: (id: number) => void, withinMs: number): Promise<Answer | undefined> {
    this.#last += 1;
    const id = this.#last;
    return new Promise((resolve) => {
      const settle = (answer: Answer | undefined) => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        resolve(answer);
      };
      const timer = setTimeout(settle, withinMs, undefined);
      this.#waiting.set(id, settle);
      put(id);
    });
  }

  /** Too late, or to no question: nothing happens. */
  answer(id: number, answer: Answer): void {
    this.#waiting.get(id)?.(answer);
  }
}
