/** How many attempts are under way at each provider. One that answers slowly is not to hold all that the service has. */
export class Bulkhead {
  readonly #most: number;
  readonly #onFull: (provider: string) => void;
  readonly #underWay = new Map<string, number>();

  /** @param most attempts under way at one provider */
  constructor(most = Number.POSITIVE_INFINITY, onFull: (provider: string) => void = () => {}) {
    this.#most = most;
    this.#onFull = onFull;
  }

  /** Whether one more attempt may begin; says so where none may. */
  hasRoom(provider: string): boolean {
    if ((this.#underWay.get(provider) ?? 0) < this.#most) return true;
    this.#onFull(provider);
    return false;
  }

  enter(provider: string): void {
    this.#underWay.set(provider, (this.#underWay.get(provider) ?? 0) + 1);
  }

  leave(provider: string): void {
    const left = (this.#underWay.get(provider) ?? 1) - 1;
    if (left === 0) this.#underWay.delete(provider);
    else this.#underWay.set(provider, left);
  }
}
