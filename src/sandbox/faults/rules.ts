/** Which faults hit the next attempt: those in the model's name, else those set over the control endpoint. */
import type { Dialect } from "../../providers/provider.ts";
import { type FaultPlan, formatFault, parseFaults } from "./grammar.ts";
import type { InjectedFault } from "./table.ts";

/** Faults for a provider's model until they are used up or cleared. */
export type FaultRule = Readonly<{
  /** Absent: every provider. */
  provider?: Dialect;
  /** Absent: every model. */
  model?: string;
  /**
   * A script: each attempt takes the first entry that still has `times` left; an entry without `times` is never used
   * up. Faults of one entry, separated by commas, hit together. Empty: the rule is removed.
   */
  faults: readonly Readonly<{ fault: string; times?: number }>[];
}>;

type Entry = { readonly plan: FaultPlan; left: number };
type ActiveRule = Readonly<{ provider?: Dialect; model?: string; entries: readonly Entry[] }>;

const NO_FAULTS: readonly InjectedFault[] = [];
const MOST_COUNTED_NAMES = 10_000;

export class FaultRules {
  readonly #rules = new Map<string, ActiveRule>();
  /** Attempts already hit, for model names that limit their faults. */
  readonly #used = new Map<string, number>();

  /**
   * Sets the faults of one provider's model, in place of those set before for the same two.
   * @throws FaultGrammarError
   */
  set(rule: FaultRule): void {
    const entries = rule.faults.map((entry) => {
      const plan = parseFaults(entry.fault);
      return { plan, left: entry.times ?? plan.times ?? Number.POSITIVE_INFINITY };
    });
    const key = ruleKey(rule.provider, rule.model);
    if (entries.length === 0) this.#rules.delete(key);
    else this.#rules.set(key, { provider: rule.provider, model: rule.model, entries });
  }

  /** Forgets every rule, and how often the faults in model names have been used. */
  clear(): void {
    this.#rules.clear();
    this.#used.clear();
  }

  /**
   * The faults of one attempt; counts it.
   * @param expression what stands behind the `!` in the model's name; "" when nothing does
   * @throws FaultGrammarError
   */
  take(provider: Dialect, model: string, expression: string): readonly InjectedFault[] {
    return expression === "" ? this.#takeRule(provider, model) : this.#takeNamed(provider, model, expression);
  }

  /** What is set now, as `GET /control/faults` shows it. */
  list(): readonly FaultRule[] {
    return [...this.#rules.values()].map(({ provider, model, entries }) => ({
      provider,
      model,
      faults: entries.map(({ plan, left }) => ({
        fault: plan.faults.map(formatFault).join(","),
        times: Number.isFinite(left) ? left : undefined,
      })),
    }));
  }

  #takeNamed(provider: Dialect, model: string, expression: string): readonly InjectedFault[] {
    const plan = parseFaults(expression);
    if (plan.times === undefined) return plan.faults;
    const key = `${provider}/${model}!${expression}`;
    const used = this.#used.get(key) ?? 0;
    if (used >= plan.times) return NO_FAULTS;
    if (this.#used.size >= MOST_COUNTED_NAMES) this.#used.clear();
    this.#used.set(key, used + 1);
    return plan.faults;
  }

  #takeRule(provider: Dialect, model: string): readonly InjectedFault[] {
    if (this.#rules.size === 0) return NO_FAULTS;
    const rule = [ruleKey(provider, model), ruleKey(provider), ruleKey(undefined, model), ruleKey()]
      .map((key) => this.#rules.get(key))
      .find((found) => found?.entries.some((entry) => entry.left > 0));
    const entry = rule?.entries.find(({ left }) => left > 0);
    if (entry === undefined) return NO_FAULTS;
    entry.left--;
    return entry.plan.faults;
  }
}

const ruleKey = (provider?: Dialect, model?: string): string =>
  JSON.stringify([provider ?? "*", model ?? "*"]);
