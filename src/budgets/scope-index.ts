/** Which budgets a call counts towards: four look-ups, and none at all while no budget is set. */
import type { BudgetScope } from "./types.ts";

export type Labels = Readonly<Record<string, string>>;

export class ScopeIndex<T> {
  readonly #everyone: T[] = [];
  readonly #byAgent = new Map<string, T[]>();
  readonly #byKey = new Map<string, T[]>();
  readonly #byLabel = new Map<string, Map<string, T[]>>();
  readonly isEmpty: boolean;

  constructor(entries: readonly Readonly<{ scope: BudgetScope; entry: T }>[]) {
    this.isEmpty = entries.length === 0;
    for (const { scope, entry } of entries) this.#add(scope, entry);
  }

  /** Those of everyone, of the agent, of the key and of each label. */
  list(agentId: string, labels: Labels, keyId: string): readonly T[] {
    const found = [
      ...this.#everyone,
      ...(this.#byAgent.get(agentId) ?? []),
      ...(this.#byKey.get(keyId) ?? []),
    ];
    for (const [key, values] of this.#byLabel) {
      const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
      if (value !== undefined) found.push(...(values.get(value) ?? []));
    }
    return found;
  }

  #add(scope: BudgetScope, entry: T): void {
    switch (scope.kind) {
      case "global":
        this.#everyone.push(entry);
        break;
      case "agent":
        append(this.#byAgent, scope.agentId, entry);
        break;
      case "key":
        append(this.#byKey, scope.keyId, entry);
        break;
      case "label": {
        const values = this.#byLabel.get(scope.key) ?? new Map<string, T[]>();
        append(values, scope.value, entry);
        this.#byLabel.set(scope.key, values);
      }
    }
  }
}

function append<T>(lists: Map<string, T[]>, key: string, entry: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [entry]);
  else list.push(entry);
}
